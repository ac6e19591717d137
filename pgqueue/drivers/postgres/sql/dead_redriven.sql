-- Make dead jobs whose lease still holds run again, at once or after a delay, where they died or elsewhere, ring, and return their ids.
with gone as (
  delete from pgqueue.dead_jobs
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, name, priority, max_attempts, backoff, timeout, envelope, nullif(failures::jsonb, '[]') as failures, pushed_at, least(redrives + 1, 32767) as redrives,
    coalesce((:targets::text[])[width_bucket(id, :ids::bigint[])], queue) as queue,
    (:delays::interval[])[width_bucket(id, :ids::bigint[])] as delay
),
live as (
  insert into pgqueue.jobs (id, queue, name, priority, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives)
  select id, queue, name, priority, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives from gone where delay is null
  returning id, queue
),
waiting as (
  insert into pgqueue.scheduled_jobs (id, queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives)
  select id, queue, name, priority, now() + delay, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives from gone where delay is not null
  returning id, queue
)
select id from (select id, queue from live union all select id, queue from waiting) redriven
where pgqueue.ring(queue) is not null
