-- Delete a dead job that nobody is handling, and return its id.
delete from pgqueue.dead_jobs where id = :id and (lease is null or visible_at <= now()) returning id
