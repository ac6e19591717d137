comment on schema pgqueue is 'Job queue: runnable jobs in jobs, waiting ones in scheduled_jobs, dead letters in dead_jobs; push with pgqueue.push(), look with pgqueue.all_jobs.';

create sequence pgqueue.positions as bigint cache 1;
comment on sequence pgqueue.positions is 'Claim order: every entry of a job into pgqueue.jobs takes a fresh value, so that a reader''s cursor never has to go back.';
