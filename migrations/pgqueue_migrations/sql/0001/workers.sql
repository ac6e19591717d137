create table pgqueue.workers (
  worker text primary key,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  queues text[] not null,
  concurrency integer not null,
  running integer not null default 0
) with (fillfactor = 50);

comment on table pgqueue.workers is 'A heartbeat of each worker process, for people to look at; nothing depends on it.';
comment on column pgqueue.workers.worker is 'The worker''s label: host, process id and a random part.';
comment on column pgqueue.workers.started_at is 'When it started.';
comment on column pgqueue.workers.seen_at is 'When it was last heard of.';
comment on column pgqueue.workers.queues is 'The queues it serves.';
comment on column pgqueue.workers.concurrency is 'How many jobs it may run at once.';
comment on column pgqueue.workers.running is 'How many it ran when it was last heard of.';
comment on index pgqueue.workers_pkey is 'Finds one worker.';
