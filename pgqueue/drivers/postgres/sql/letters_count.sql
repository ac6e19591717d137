-- How many dead letters pass a filter.
select count(*) from pgqueue.dead_jobs dead
where pgqueue.dead_matches(dead, :queue, :name, :reason, :older_than, :newer_than, :error, :unhandled, :parked)
