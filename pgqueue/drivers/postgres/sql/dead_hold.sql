-- Tell whether a dead letter's lease is still there, and refuse to while a transaction that may end it goes on.
select id from pgqueue.dead_jobs where id = :id and lease = :token for key share nowait
