-- Return which of these jobs are leased, to whomever.
select id from pgqueue.jobs where id = any (:ids::bigint[]) and lease is not null
union all
select id from pgqueue.dead_jobs where id = any (:ids::bigint[]) and lease is not null
