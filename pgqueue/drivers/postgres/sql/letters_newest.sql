-- The newest id among the dead letters.
select coalesce(max(id), 0) from pgqueue.dead_jobs
