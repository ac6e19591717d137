-- Remove completed jobs whose lease still holds, and return their ids.
-- The primary key and a filter: with two arrays joined by unnest the plan flips. The ids ascend, so that
-- a row's token is found by bisection: array_position reads half of them for every row.
delete from pgqueue.jobs
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
returning id
