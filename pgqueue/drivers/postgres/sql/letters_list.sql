-- Dead jobs of a queue, or of all if it is null, in the order of their ids.
select id, queue, name, reason, attempt, envelope::text, failures::text
from pgqueue.dead_jobs
where :queue::text is null or queue = :queue
order by id
limit :limit
