-- In how many seconds the next dead letter of these queues need wait no longer, or null if none waits.
select extract(epoch from min(next.visible_at) - now())::float8 as next_in
from unnest(:queues::text[]) as wanted (queue)
cross join lateral (
  select dead.visible_at
  from pgqueue.dead_jobs dead
  where dead.queue = wanted.queue
    and dead.handled_at is null
    and dead.parked_at is null
    and dead.visible_at > now()
    and dead.lease is null
  order by dead.visible_at
  limit 1
) next
