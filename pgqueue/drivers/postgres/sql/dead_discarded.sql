-- Delete dead letters whose lease still holds, and return their ids.
delete from pgqueue.dead_jobs
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[array_position(:ids::bigint[], id)]
returning id
