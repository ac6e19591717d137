-- Delete the dead jobs of a queue, or all if it is null, that nobody is handling, and return their ids.
delete from pgqueue.dead_jobs
where (:queue::text is null or queue = :queue) and (lease is null or visible_at <= now())
returning id
