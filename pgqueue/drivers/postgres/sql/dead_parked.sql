-- Park dead letters whose lease still holds, with their processor's last failure, and return their ids.
update pgqueue.dead_jobs
set parked_at = now(),
    lease = null,
    dead_attempt = dead_attempt - (:uncounted::integer[])[width_bucket(id, :ids::bigint[])],
    dead_failures = pgqueue.append_failure(dead_failures, (:failures::jsonb[])[width_bucket(id, :ids::bigint[])] || jsonb_build_object('attempt', dead_attempt, 'at', now(), 'worker', worker))
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
returning id
