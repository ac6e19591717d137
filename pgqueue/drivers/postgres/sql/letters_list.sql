-- A page of dead letters, the newest ids first, without their payloads.
select dead.id, dead.queue, dead.name, dead.reason, dead.attempt, dead.redrives, dead.pushed_at, dead.died_at, dead.handled_at, dead.parked_at,
  left(dead.failures -> -1 ->> 'error', 1000) as error
from pgqueue.dead_jobs dead
where pgqueue.dead_matches(dead, :queue, :name, :reason, :older_than, :newer_than, :error, :unhandled, :parked)
  and dead.id < :after
order by dead.id desc
limit :limit
