-- Prolong leases that hold, from now, and return the ids of their jobs, each with whether it was.
-- Waits for nobody: a row that a statement in flight has locked is held as it was, and not
-- prolonged this time. Were it waited for, one hanging commit would cost every other lease.
with prolonged as (
  update pgqueue.jobs
  set visible_at = now() + :lease
  where ctid = any (array(
    select ctid
    from pgqueue.jobs
    where id = any (:ids::bigint[])
      and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
    for no key update skip locked
  ))
  returning id
)
select id, true as prolonged from prolonged
union all
select id, false
from pgqueue.jobs
where id = any (array(
    select wanted from unnest(:ids::bigint[]) asked (wanted)
    where wanted not in (select id from prolonged)
  ))
  and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
