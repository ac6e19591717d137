-- Make a batch of the dead letters that pass a filter run again, the oldest ids first, and return their ids.
select pgqueue.revive(array(
  select dead.id
  from pgqueue.dead_jobs dead
  where pgqueue.dead_matches(dead, :queue, :name, :reason, :older_than, :newer_than, :error, :unhandled, :parked)
    and dead.id > :after
    and dead.id <= :until
    and (dead.lease is null or dead.visible_at <= now())
  order by dead.id
  limit :limit
  for update skip locked
), :delay, :to_queue)
