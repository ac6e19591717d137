-- One dead job.
select id, queue, name, reason, attempt, envelope::text, failures::text from pgqueue.dead_jobs where id = :id
