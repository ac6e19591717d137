-- How many dead jobs a queue has, or all queues if it is null.
select count(*) from pgqueue.dead_jobs where :queue::text is null or queue = :queue
