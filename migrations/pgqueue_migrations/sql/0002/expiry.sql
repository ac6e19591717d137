-- A job without expires_at is in neither index, and no claim or retry changes the column.
create index jobs_expiry on pgqueue.jobs (expires_at) where expires_at is not null;
create index scheduled_jobs_expiry on pgqueue.scheduled_jobs (expires_at) where expires_at is not null;

comment on index pgqueue.jobs_expiry is 'Finds jobs whose time to start has passed, whatever their queue.';
comment on index pgqueue.scheduled_jobs_expiry is 'Finds waiting jobs whose time to start has passed, whatever their queue.';
