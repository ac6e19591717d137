create table pgqueue.dead_jobs (
  id bigint primary key,
  queue pgqueue.name not null,
  name pgqueue.name,
  priority pgqueue.priority not null default 5,
  reason text not null constraint dead_jobs_reason check (reason in ('exhausted', 'expired', 'lost', 'rejected', 'aborted')),
  attempt smallint not null default 0,
  max_attempts pgqueue.attempts,
  backoff pgqueue.backoff,
  timeout pgqueue.patience,
  envelope pgqueue.envelope not null,
  failures pgqueue.failures not null,
  pushed_at pgqueue.moment not null,
  expires_at pgqueue.moment,
  died_at pgqueue.moment not null default now(),
  visible_at pgqueue.moment not null default now(),
  lease bigint,
  worker text,
  dead_attempt smallint not null default 0,
  handled_at pgqueue.moment
);

create index dead_jobs_queue on pgqueue.dead_jobs (queue, id);

comment on table pgqueue.dead_jobs is 'Dead letters: jobs that will not run by themselves, kept with their payload and every failure until somebody redrives (pgqueue.redrive(id)) or discards them. Example: select id, reason, failures -> -1 ->> ''error'' from pgqueue.dead_jobs where queue = ''audio'';';
comment on column pgqueue.dead_jobs.id is 'The job''s identity, unchanged by its death and by a redrive.';
comment on column pgqueue.dead_jobs.queue is 'The queue it died in; a redrive goes back there.';
comment on column pgqueue.dead_jobs.name is 'Which processor of the queue was meant; null: the queue''s catch-all.';
comment on column pgqueue.dead_jobs.priority is '0 is claimed first, 9 last.';
comment on column pgqueue.dead_jobs.reason is 'exhausted: every attempt failed. expired: not started before expires_at. lost: workers died or stalled with no attempt left. rejected: the envelope or payload cannot be read. aborted: the handler said so.';
comment on column pgqueue.dead_jobs.attempt is 'Deliveries that it had.';
comment on column pgqueue.dead_jobs.max_attempts is 'Attempts that the push allowed in all; null: the processor decided.';
comment on column pgqueue.dead_jobs.backoff is 'Waits between attempts that the push chose; null: the processor decided.';
comment on column pgqueue.dead_jobs.timeout is 'How long one attempt may take, as the push chose; null: the processor decided.';
comment on column pgqueue.dead_jobs.envelope is 'The envelope as it was pushed; envelope -> ''payload'' is the application''s part.';
comment on column pgqueue.dead_jobs.failures is 'Failures, oldest first, the last 20: attempt, at, error, traceback, worker.';
comment on column pgqueue.dead_jobs.pushed_at is 'When it was pushed.';
comment on column pgqueue.dead_jobs.expires_at is 'The time by which it had to start, if its push set one.';
comment on column pgqueue.dead_jobs.died_at is 'When it died.';
comment on column pgqueue.dead_jobs.visible_at is 'The visibility timeout of its dead-letter processor''s attempt.';
comment on column pgqueue.dead_jobs.lease is 'The claim of its dead-letter processor, if one is at work.';
comment on column pgqueue.dead_jobs.worker is 'Who holds, or last held, that lease.';
comment on column pgqueue.dead_jobs.dead_attempt is 'Deliveries to its dead-letter processor so far.';
comment on column pgqueue.dead_jobs.handled_at is 'When its dead-letter processor finished with it; the row stays.';
comment on index pgqueue.dead_jobs_queue is 'Lists and counts the dead of one queue.';
comment on index pgqueue.dead_jobs_pkey is 'Finds one dead job by its id.';
