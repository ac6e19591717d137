create table pgqueue.archived_jobs (
  id bigint not null,
  queue text not null,
  name text,
  priority smallint not null,
  attempt smallint not null,
  envelope jsonb not null,
  failures jsonb,
  pushed_at timestamptz not null,
  finished_at timestamptz not null,
  worker text,
  primary key (id, finished_at)
) partition by range (finished_at);

comment on table pgqueue.archived_jobs is 'Completed jobs, one partition a day, if a history is wanted; without partitions nothing is kept, which is the default.';
comment on column pgqueue.archived_jobs.id is 'The job''s identity.';
comment on column pgqueue.archived_jobs.queue is 'The queue that it ran in.';
comment on column pgqueue.archived_jobs.name is 'Which processor of the queue was meant; null: the queue''s catch-all.';
comment on column pgqueue.archived_jobs.priority is 'Its priority.';
comment on column pgqueue.archived_jobs.attempt is 'Deliveries that it took.';
comment on column pgqueue.archived_jobs.envelope is 'The envelope as it was pushed.';
comment on column pgqueue.archived_jobs.failures is 'Failures before it succeeded, oldest first.';
comment on column pgqueue.archived_jobs.pushed_at is 'When it was pushed.';
comment on column pgqueue.archived_jobs.finished_at is 'When it was completed; the partition key.';
comment on column pgqueue.archived_jobs.worker is 'Who completed it.';
comment on index pgqueue.archived_jobs_pkey is 'Finds one job within a partition.';
