-- Put failed jobs whose lease still holds into their backoff, ring, and return their ids.
with failed as (
  delete from pgqueue.jobs
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives, worker
),
waiting as (
  insert into pgqueue.scheduled_jobs (id, queue, name, priority, run_at, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives)
  select id, queue, name, priority, now() + (:delays::interval[])[width_bucket(id, :ids::bigint[])], attempt, max_attempts, backoff, timeout, envelope,
    pgqueue.append_failure(failures, (:failures::jsonb[])[width_bucket(id, :ids::bigint[])] || jsonb_build_object('attempt', attempt, 'at', now(), 'worker', worker)),
    unique_key, pushed_at, expires_at, redrives
  from failed
  returning id, queue
)
select id from waiting where pgqueue.ring(queue) is not null
