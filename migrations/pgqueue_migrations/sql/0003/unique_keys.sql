alter table pgqueue.unique_keys
  add column until text not null default 'done' constraint unique_keys_until check (until in ('done', 'started')),
  add column free_at pgqueue.moment;

comment on table pgqueue.unique_keys is 'Keys of jobs whose push asked to be unique: at most one live job a queue and key. A row whose job has ended, or whose time is over, holds nothing: the next push of its key takes it over.';
comment on column pgqueue.unique_keys.until is 'done: the key is held while its job lives, retries included. started: until the job''s first attempt.';
comment on column pgqueue.unique_keys.free_at is 'The end of the key''s window, whatever becomes of its job; null: the job holds it.';
comment on index pgqueue.unique_keys_job is 'The order in which workers look for keys that hold nothing.';
