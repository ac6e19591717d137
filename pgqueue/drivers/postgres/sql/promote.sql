-- Move due jobs into the hot table in the order in which they are due, ring their queues,
-- and tell how many they were and in how many seconds the next one is due.
with due as (
  delete from pgqueue.scheduled_jobs
  where ctid = any (array(
    select job.ctid
    from pgqueue.scheduled_jobs job
    where job.run_at <= now()
    order by job.run_at
    limit :limit
    for update skip locked
  ))
  returning id, queue, name, priority, run_at, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives
),
moved as (
  insert into pgqueue.jobs (id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives)
  select id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives
  from due
  order by run_at, id
  returning queue
),
rung as (
  select pgqueue.ring(queue) as rang from (select distinct queue from moved) woken
)
select (select count(*) from moved) as moved,
  (select extract(epoch from min(run_at) - now())::float8 from pgqueue.scheduled_jobs where run_at > now()) as next_in,
  (select count(rang) from rung) as rung
