-- Prolong leases on dead letters that hold, from now, and return their ids, each with whether it was.
-- Waits for nobody, like extend.
with prolonged as (
  update pgqueue.dead_jobs
  set visible_at = now() + :lease
  where ctid = any (array(
    select ctid
    from pgqueue.dead_jobs
    where id = any (:ids::bigint[])
      and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
    for no key update skip locked
  ))
  returning id
)
select id, true as prolonged from prolonged
union all
select id, false
from pgqueue.dead_jobs
where id = any (array(
    select wanted from unnest(:ids::bigint[]) asked (wanted)
    where wanted not in (select id from prolonged)
  ))
  and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
