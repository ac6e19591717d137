-- Delete dead letters whose lease still holds, and return their ids.
delete from pgqueue.dead_jobs
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
returning id
