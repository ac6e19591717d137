-- Constraints are domains, not table checks: a table's checks are planned anew by every single INSERT
-- and evaluated by every UPDATE, which cost a push 60 microseconds of its 110.
create domain pgqueue.name as text
  constraint name_form check (pgqueue.valid_name(value));
comment on domain pgqueue.name is 'The name of a queue or a job: 1 to 48 letters, digits, _ . : or -.';

create domain pgqueue.priority as smallint
  constraint priority_range check (value between 0 and 9);
comment on domain pgqueue.priority is '0 is claimed first, 9 last.';

create domain pgqueue.attempts as smallint
  constraint attempts_range check (value >= 1);
comment on domain pgqueue.attempts is 'How many runs a job may have in all; at least one.';

create domain pgqueue.moment as timestamptz
  constraint moment_range check (value >= '1970-01-01 00:00:00+00' and value < '9000-01-01 00:00:00+00');
comment on domain pgqueue.moment is 'A time that every client library can read: infinity or the year 10000 in one row would make a whole batch unreadable.';

create domain pgqueue.patience as interval
  constraint patience_range check (value > interval '0');
comment on domain pgqueue.patience is 'How long something may take; more than nothing.';

create domain pgqueue.backoff as jsonb
  constraint backoff_form check (jsonb_typeof(value) = 'object');
comment on domain pgqueue.backoff is 'Waits between attempts, in seconds: first, factor, cap, jitter, steps.';

create domain pgqueue.envelope as jsonb
  constraint envelope_form check (jsonb_typeof(value -> 'v') = 'number' and value ? 'payload');
comment on domain pgqueue.envelope is 'The versioned document that crosses processes: v, payload, and optional trace context.';

create domain pgqueue.failures as jsonb
  constraint failures_form check (jsonb_typeof(value) = 'array');
comment on domain pgqueue.failures is 'Failed attempts, oldest first: attempt, at, error, traceback, worker.';
