create table pgqueue.queues (
  queue pgqueue.name primary key,
  paused boolean not null default false,
  max_running integer constraint queues_max_running check (max_running >= 1),
  dead_retention pgqueue.patience,
  updated_at timestamptz not null default now()
);

comment on table pgqueue.queues is 'What an operator sets for a queue; a queue without a row has no settings, and needs none.';
comment on column pgqueue.queues.queue is 'The queue''s name.';
comment on column pgqueue.queues.paused is 'Whether workers leave this queue alone.';
comment on column pgqueue.queues.max_running is 'How many of its jobs may run at once over all workers; null: no limit.';
comment on column pgqueue.queues.dead_retention is 'How long its dead letters are kept; null: for ever.';
comment on column pgqueue.queues.updated_at is 'When this row was last changed.';
comment on index pgqueue.queues_pkey is 'Finds one queue.';
