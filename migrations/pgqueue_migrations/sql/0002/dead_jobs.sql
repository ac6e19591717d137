-- Plain types: a new column of a constrained domain would rewrite the table under its lock.
alter table pgqueue.dead_jobs
  add column parked_at timestamptz,
  add column dead_failures jsonb;

-- Ordered by visible_at, which an attempt moves: whatever is leased or waits is not read, and
-- what was handled or parked is not in it.
create index dead_jobs_due on pgqueue.dead_jobs (queue, visible_at, id) where handled_at is null and parked_at is null;

comment on column pgqueue.dead_jobs.visible_at is 'When it may be given to its dead-letter processor: a claim moves it into the future, so does a failed attempt.';
comment on column pgqueue.dead_jobs.worker is 'Who holds, or last held, the lease of its dead-letter processor.';
comment on column pgqueue.dead_jobs.handled_at is 'When its dead-letter processor finished with it; the row stays, and can still be redriven.';
comment on column pgqueue.dead_jobs.parked_at is 'When its dead-letter processor had failed for the last time, or could not read it: only a person or a program redrives or discards it now.';
comment on column pgqueue.dead_jobs.dead_failures is 'Failures of its dead-letter processor, oldest first, the last 20: attempt, at, error, traceback, worker.';
comment on index pgqueue.dead_jobs_due is 'The claim of dead-letter processors: what is neither handled nor parked, in the order in which it is due.';
