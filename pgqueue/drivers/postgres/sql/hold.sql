-- Tell whether a job is still there, and refuse to while a transaction that may end it goes on.
-- Whatever its lease: a job that somebody claimed meanwhile was not completed either.
select id from pgqueue.jobs where id = :id for key share nowait
