create table pgqueue.unique_keys (
  queue pgqueue.name not null,
  key text not null constraint unique_keys_key check (octet_length(key) between 1 and 512),
  job_id bigint not null,
  primary key (queue, key)
);

create index unique_keys_job on pgqueue.unique_keys (job_id);

comment on table pgqueue.unique_keys is 'Keys of the live jobs whose push asked to be unique: at most one job a queue and key.';
comment on column pgqueue.unique_keys.queue is 'The queue within which the key is unique.';
comment on column pgqueue.unique_keys.key is 'The key that the push gave.';
comment on column pgqueue.unique_keys.job_id is 'The job that holds it.';
comment on index pgqueue.unique_keys_pkey is 'Decides which of several pushes wins.';
comment on index pgqueue.unique_keys_job is 'Finds a job''s key when the job ends.';
