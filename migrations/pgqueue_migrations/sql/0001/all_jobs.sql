create view pgqueue.all_jobs as
select id, queue, name, priority,
       case when lease is null or visible_at <= now() then 'ready' else 'leased' end as state,
       attempt, max_attempts, visible_at as due_at,
       case when visible_at > now() then worker end as worker,
       null::text as reason, envelope, failures, pushed_at, expires_at
from pgqueue.jobs
union all
select id, queue, name, priority, 'scheduled', attempt, max_attempts, run_at,
       null, null, envelope, failures, pushed_at, expires_at
from pgqueue.scheduled_jobs
union all
select id, queue, name, priority, 'dead', attempt, max_attempts, died_at,
       worker, reason, envelope, failures, pushed_at, expires_at
from pgqueue.dead_jobs;

comment on view pgqueue.all_jobs is 'Every live and dead job with its state, for people: ready, leased, scheduled or dead.';
comment on column pgqueue.all_jobs.id is 'The job''s identity.';
comment on column pgqueue.all_jobs.queue is 'Its queue.';
comment on column pgqueue.all_jobs.name is 'Which processor of the queue is meant.';
comment on column pgqueue.all_jobs.priority is '0 is claimed first, 9 last.';
comment on column pgqueue.all_jobs.state is 'ready: a worker may take it. leased: a worker has it. scheduled: it waits for due_at. dead: it will not run by itself.';
comment on column pgqueue.all_jobs.attempt is 'Deliveries so far.';
comment on column pgqueue.all_jobs.max_attempts is 'Attempts that the push allowed; null: the processor decides.';
comment on column pgqueue.all_jobs.due_at is 'ready: since when. leased: when the lease lapses. scheduled: when it becomes runnable. dead: when it died.';
comment on column pgqueue.all_jobs.worker is 'Who holds its lease.';
comment on column pgqueue.all_jobs.reason is 'Why it is dead.';
comment on column pgqueue.all_jobs.envelope is 'Its envelope; envelope -> ''payload'' is the application''s part.';
comment on column pgqueue.all_jobs.failures is 'Its failures, oldest first.';
comment on column pgqueue.all_jobs.pushed_at is 'When it was pushed.';
comment on column pgqueue.all_jobs.expires_at is 'The time by which it has to start.';
