-- Every number of the account, from the tables alone.
-- %(held)s: the jobs that worker %(killed)s had under lease when it was killed.
select
  (select count(*) from demo.files) as files,
  (select count(*) from demo.files where status = 'waiting') as waiting,
  (select count(*) from demo.runs) as runs,
  (select count(*) from demo.runs where attempt > 1 and job <> all (%(held)s)) as retries,
  (select count(*) from demo.runs where job = any (%(held)s) and worker = %(killed)s) as cut_short,
  (select count(*) from demo.indexed) as completions,
  (select count(distinct file) from demo.indexed) as indexed,
  (select count(*) from demo.indexed where job = any (%(held)s) and worker <> %(killed)s) as recovered,
  (select count(*) from demo.definitions) as definitions,
  (select coalesce(sum(definitions), 0) from demo.indexed)::bigint as definitions_noted,
  (select count(*) from demo.deaths where reason = 'exhausted') as noted,
  (select count(*) from pgqueue.dead_jobs where handled_at is not null) as dead,
  (select count(*) from pgqueue.jobs) + (select count(*) from pgqueue.scheduled_jobs) as unfinished
