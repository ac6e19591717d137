-- Delete dead jobs, and tell what became of each that was asked for: done, held or unknown.
with gone as (
  delete from pgqueue.dead_jobs
  where ctid = any (array(
    select dead.ctid
    from pgqueue.dead_jobs dead
    where dead.id = any (:ids::bigint[]) and (dead.lease is null or dead.visible_at <= now())
    order by dead.id
    for update skip locked
  ))
  returning id
)
select asked.id,
  case
    when asked.id in (select id from gone) then 'done'
    when exists (select from pgqueue.dead_jobs dead where dead.id = asked.id) then 'held'
    else 'unknown'
  end as became
from unnest(:ids::bigint[]) asked (id)
