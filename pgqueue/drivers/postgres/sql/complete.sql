-- Remove completed jobs whose lease still holds, and return their ids.
-- The primary key and a filter: with two arrays joined by unnest the plan flips.
delete from pgqueue.jobs
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[array_position(:ids::bigint[], id)]
returning id
