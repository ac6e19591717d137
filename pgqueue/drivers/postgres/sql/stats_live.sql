-- How many live jobs each queue has in each state, and since when the oldest of them is there.
select queue, state, count(*) as number, min(pushed_at) as oldest
from (
  select queue, case when lease is null or visible_at <= now() then 'ready' else 'leased' end as state, pushed_at
  from pgqueue.jobs
  union all
  select queue, 'scheduled', pushed_at from pgqueue.scheduled_jobs
) live
group by queue, state
order by queue, state
