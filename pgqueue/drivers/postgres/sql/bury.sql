-- Move jobs whose lease still holds to the dead letters, with reason and last failure, ring for these, and return their ids.
with buried as (
  delete from pgqueue.jobs
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives, worker
),
dead as (
  insert into pgqueue.dead_jobs (id, queue, name, priority, reason, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives)
  select id, queue, name, priority, (:reasons::text[])[width_bucket(id, :ids::bigint[])],
    attempt - (:uncounted::integer[])[width_bucket(id, :ids::bigint[])], max_attempts, backoff, timeout, envelope,
    coalesce(pgqueue.append_failure(failures, (:failures::jsonb[])[width_bucket(id, :ids::bigint[])] || jsonb_build_object('attempt', attempt, 'at', now(), 'worker', worker)), '[]'),
    pushed_at, expires_at, redrives
  from buried
  returning id, queue
)
select id from dead where pgqueue.ring(queue || '.dead') is not null
