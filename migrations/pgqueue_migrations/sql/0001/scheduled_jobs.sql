create table pgqueue.scheduled_jobs (
  id bigint primary key,
  queue text not null constraint scheduled_jobs_queue_name check (pgqueue.valid_name(queue)),
  name text constraint scheduled_jobs_name check (pgqueue.valid_name(name)),
  priority smallint not null default 5 constraint scheduled_jobs_priority check (priority between 0 and 9),
  run_at timestamptz not null constraint scheduled_jobs_run_at check (pgqueue.sane_time(run_at)),
  attempt smallint not null default 0 constraint scheduled_jobs_attempt check (attempt >= 0),
  max_attempts smallint constraint scheduled_jobs_max_attempts check (max_attempts >= 1),
  backoff jsonb constraint scheduled_jobs_backoff check (jsonb_typeof(backoff) = 'object'),
  timeout interval constraint scheduled_jobs_timeout check (timeout > interval '0'),
  envelope jsonb not null constraint scheduled_jobs_envelope check (jsonb_typeof(envelope -> 'v') = 'number' and envelope ? 'payload'),
  failures jsonb constraint scheduled_jobs_failures check (jsonb_typeof(failures) = 'array'),
  unique_key text,
  pushed_at timestamptz not null default clock_timestamp() constraint scheduled_jobs_pushed_at check (pgqueue.sane_time(pushed_at)),
  expires_at timestamptz constraint scheduled_jobs_expires_at check (pgqueue.sane_time(expires_at))
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
