-- Prolong leases on dead letters that hold, from now, and return their ids, each with whether it was.
-- Waits for nobody, like extend.
with prolonged as (
  update pgqueue.dead_jobs
  set visible_at = now() + :lease
  where ctid = any (array(
    select ctid
    from pgqueue.dead_jobs
    where id = any (:ids::bigint[])
      and lease = (:tokens::bigint[])[array_position(:ids::bigint[], id)]
    for no key update skip locked
  ))
  returning id
)
select id, id = any (array(select id from prolonged))
from pgqueue.dead_jobs
where id = any (:ids::bigint[])
  and lease = (:tokens::bigint[])[array_position(:ids::bigint[], id)]
