-- Give jobs whose lease still holds back uncounted, to run later, ring, and return their ids.
-- A note says since when no worker has had a processor for a job: the first one of a row of them
-- stays as it is, and a handler's own snooze, which has none, ends the row. Of a row of these the
-- first makes an entry, and the others count in it.
with snoozed as (
  delete from pgqueue.jobs
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives
),
waiting as (
  insert into pgqueue.scheduled_jobs (id, queue, name, priority, run_at, attempt, max_attempts, backoff, timeout, envelope, failures, unique_key, pushed_at, expires_at, redrives)
  select id, queue, name, priority, now() + (:delays::interval[])[width_bucket(id, :ids::bigint[])], attempt - 1, max_attempts, backoff, timeout, envelope,
    case
      when (:notes::jsonb[])[width_bucket(id, :ids::bigint[])] is null and jsonb_typeof(failures -> -1 -> 'snoozes') = 'number'
        then jsonb_set(failures, '{-1,snoozes}', to_jsonb((failures -> -1 -> 'snoozes')::integer + 1))
      when (:notes::jsonb[])[width_bucket(id, :ids::bigint[])] is null
        then pgqueue.append_failure(failures #- '{-1,unwanted}', jsonb_build_object('error', 'snoozed by its handler', 'at', now(), 'snoozes', 1))
      when failures -> -1 ? 'unwanted' then failures
      else pgqueue.append_failure(failures, (:notes::jsonb[])[width_bucket(id, :ids::bigint[])] || jsonb_build_object('at', now(), 'unwanted', extract(epoch from now())))
    end,
    unique_key, pushed_at, expires_at, redrives
  from snoozed
  returning id, queue
)
select id from waiting where pgqueue.ring(queue) is not null
