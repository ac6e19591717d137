-- Prolong leases that still hold, from now, and return the ids of their jobs.
update pgqueue.jobs
set visible_at = now() + :lease
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[array_position(:ids::bigint[], id)]
returning id
