create table pgqueue.scheduled_jobs (
  id bigint primary key default nextval('pgqueue.jobs_id_seq'),
  queue pgqueue.name not null,
  name pgqueue.name,
  priority pgqueue.priority not null default 5,
  run_at pgqueue.moment not null,
  attempt smallint not null default 0,
  max_attempts pgqueue.attempts,
  backoff pgqueue.backoff,
  timeout pgqueue.patience,
  envelope pgqueue.envelope not null,
  failures pgqueue.failures,
  unique_key text,
  pushed_at pgqueue.moment not null default clock_timestamp(),
  expires_at pgqueue.moment
) with (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0
);

create index scheduled_jobs_due on pgqueue.scheduled_jobs (run_at);

comment on table pgqueue.scheduled_jobs is 'Jobs that wait for a time: delayed pushes, retries in their backoff, snoozes. Workers promote them into jobs, same id, when run_at has come.';
comment on column pgqueue.scheduled_jobs.id is 'The job''s identity, the same as in pgqueue.jobs.';
comment on column pgqueue.scheduled_jobs.queue is 'The queue it goes back to.';
comment on column pgqueue.scheduled_jobs.name is 'Which processor of the queue is meant; null: the queue''s catch-all.';
comment on column pgqueue.scheduled_jobs.priority is '0 is claimed first, 9 last.';
comment on column pgqueue.scheduled_jobs.run_at is 'When it becomes runnable, by the database''s clock.';
comment on column pgqueue.scheduled_jobs.attempt is 'Deliveries so far.';
comment on column pgqueue.scheduled_jobs.max_attempts is 'Attempts that the push allowed in all; null: the processor decides.';
comment on column pgqueue.scheduled_jobs.backoff is 'Waits between attempts that the push chose; null: the processor decides.';
comment on column pgqueue.scheduled_jobs.timeout is 'How long one attempt may take, as the push chose; null: the processor decides.';
comment on column pgqueue.scheduled_jobs.envelope is 'The versioned document: v, payload, and optional trace context.';
comment on column pgqueue.scheduled_jobs.failures is 'Earlier failures, oldest first, the last 20.';
comment on column pgqueue.scheduled_jobs.unique_key is 'The key that this job holds in pgqueue.unique_keys, if its push asked for one.';
comment on column pgqueue.scheduled_jobs.pushed_at is 'When it was pushed, by the database''s clock.';
comment on column pgqueue.scheduled_jobs.expires_at is 'Not started by then, it is dead with reason expired.';
comment on index pgqueue.scheduled_jobs_due is 'Finds what is due, and the time to sleep until.';
comment on index pgqueue.scheduled_jobs_pkey is 'Finds one job by its id.';
