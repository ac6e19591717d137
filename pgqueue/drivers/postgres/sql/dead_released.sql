-- Give dead letters whose lease still holds back uncounted, at once or to wait, ring, and return their ids.
-- The notes mean what they mean in snooze.
with released as (
  update pgqueue.dead_jobs
  set visible_at = now() + coalesce((:delays::interval[])[width_bucket(id, :ids::bigint[])], '0'),
      lease = null,
      dead_attempt = dead_attempt - 1,
      dead_failures = case
        when (:delays::interval[])[width_bucket(id, :ids::bigint[])] is null then dead_failures
        when (:notes::jsonb[])[width_bucket(id, :ids::bigint[])] is null and jsonb_typeof(dead_failures -> -1 -> 'snoozes') = 'number'
          then jsonb_set(dead_failures, '{-1,snoozes}', to_jsonb((dead_failures -> -1 -> 'snoozes')::integer + 1))
        when (:notes::jsonb[])[width_bucket(id, :ids::bigint[])] is null
          then pgqueue.append_failure(dead_failures #- '{-1,unwanted}', jsonb_build_object('error', 'snoozed by its handler', 'at', now(), 'snoozes', 1))
        when dead_failures -> -1 ? 'unwanted' then dead_failures
        else pgqueue.append_failure(dead_failures, (:notes::jsonb[])[width_bucket(id, :ids::bigint[])] || jsonb_build_object('at', now(), 'unwanted', extract(epoch from now())))
      end
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, queue
)
select id from released where pgqueue.ring(queue || '.dead') is not null
