-- Give jobs whose lease still holds back uncounted, to run later, with a note if there is one, ring, and return their ids.
with snoozed as (
  delete from pgqueue.jobs
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[array_position(:ids::bigint[], id)]
  returning id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at
),
waiting as (
  insert into pgqueue.scheduled_jobs (id, queue, name, priority, run_at, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at)
  select id, queue, name, priority, now() + (:delays::interval[])[array_position(:ids::bigint[], id)], attempt - 1, max_attempts, backoff, timeout, envelope,
    pgqueue.append_failure(failures, (:notes::jsonb[])[array_position(:ids::bigint[], id)] || jsonb_build_object('at', now(), 'unwanted', extract(epoch from now()))),
    unique_key, pushed_at, expires_at
  from snoozed
  returning id, queue
)
select id from waiting where pgqueue.ring(queue) is not null
