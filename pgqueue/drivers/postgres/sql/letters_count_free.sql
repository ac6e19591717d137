-- How many dead letters pass a filter and are held by no processor.
select count(*) from pgqueue.dead_jobs dead
where pgqueue.dead_matches(dead, :queue, :name, :reason, :older_than, :newer_than, :error, :unhandled, :parked)
  and (dead.lease is null or dead.visible_at <= now())
