-- A constant default: no table is rewritten, and code that does not know the column leaves it at 0.
alter table pgqueue.jobs add column redrives smallint not null default 0;
alter table pgqueue.scheduled_jobs add column redrives smallint not null default 0;
alter table pgqueue.dead_jobs add column redrives smallint not null default 0;

comment on column pgqueue.jobs.redrives is 'How often it was dead and made to run again.';
comment on column pgqueue.scheduled_jobs.redrives is 'How often it was dead and made to run again.';
comment on column pgqueue.dead_jobs.redrives is 'How often it was made to run again, and died again.';
