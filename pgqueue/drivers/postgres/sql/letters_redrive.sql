-- Make dead jobs run again, and tell what became of each that was asked for: done, held or unknown.
with revived as (
  select id from pgqueue.revive(:ids::bigint[], :delay, :to_queue) revived (id)
)
select asked.id,
  case
    when asked.id in (select id from revived) then 'done'
    when exists (select from pgqueue.dead_jobs dead where dead.id = asked.id) then 'held'
    else 'unknown'
  end as became
from unnest(:ids::bigint[]) asked (id)
