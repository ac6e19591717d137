-- One dead letter with its envelope and every failure that was kept.
select id, queue, name, reason, attempt, max_attempts, redrives, pushed_at, died_at, handled_at, parked_at, envelope::text, failures::text
from pgqueue.dead_jobs
where id = :id
