-- Mark dead letters whose lease still holds as handled, let them stay, and return their ids.
update pgqueue.dead_jobs
set handled_at = now(), lease = null
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
returning id
