-- Put dead letters on which their processor failed, and whose lease still holds, into its backoff, ring, and return their ids.
with failed as (
  update pgqueue.dead_jobs
  set visible_at = now() + (:delays::interval[])[width_bucket(id, :ids::bigint[])],
      lease = null,
      dead_failures = pgqueue.append_failure(dead_failures, (:failures::jsonb[])[width_bucket(id, :ids::bigint[])] || jsonb_build_object('attempt', dead_attempt, 'at', now(), 'worker', worker))
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, queue
)
select id from failed where pgqueue.ring(queue || '.dead') is not null
