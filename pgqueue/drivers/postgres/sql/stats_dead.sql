-- How many dead letters each queue has for each reason.
select queue, reason, count(*) as number
from pgqueue.dead_jobs
group by queue, reason
order by queue, reason
