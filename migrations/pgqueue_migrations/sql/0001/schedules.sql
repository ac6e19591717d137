create table pgqueue.schedules (
  schedule pgqueue.name primary key,
  queue pgqueue.name not null,
  expression text not null,
  timezone text not null default 'UTC',
  payload jsonb not null,
  paused boolean not null default false,
  last_tick timestamptz,
  updated_at timestamptz not null default now()
);

comment on table pgqueue.schedules is 'Recurring pushes, and the last tick of each that was pushed.';
comment on column pgqueue.schedules.schedule is 'The schedule''s name.';
comment on column pgqueue.schedules.queue is 'The queue that each tick pushes to.';
comment on column pgqueue.schedules.expression is 'The cron expression.';
comment on column pgqueue.schedules.timezone is 'The zone in which the expression is read.';
comment on column pgqueue.schedules.payload is 'The payload that each tick pushes.';
comment on column pgqueue.schedules.paused is 'Whether ticks are skipped.';
comment on column pgqueue.schedules.last_tick is 'The last tick that was pushed.';
comment on column pgqueue.schedules.updated_at is 'When this row was last changed.';
comment on index pgqueue.schedules_pkey is 'Finds one schedule.';
