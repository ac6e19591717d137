-- List a queue's live jobs: those that may run in claim order, then those that wait by their time.
select job.id, job.name, job.priority, job.attempt, job.max_attempts, job.due_in, job.envelope::text as envelope
from (
  select id, name, priority, attempt, max_attempts, greatest(visible_at - now(), interval '0') as due_in, envelope, position
  from pgqueue.jobs
  where queue = :queue
  union all
  select id, name, priority, attempt, max_attempts, greatest(run_at - now(), interval '0'), envelope, null
  from pgqueue.scheduled_jobs
  where queue = :queue
) job
order by job.position is null, case when job.position is null then job.due_in end, job.priority, job.position, job.id
