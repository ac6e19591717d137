create function pgqueue.take_ids(count integer) returns bigint[]
language sql volatile
return array(select nextval('pgqueue.jobs_id_seq') from generate_series(1, count));
comment on function pgqueue.take_ids(integer) is 'Fresh job ids, ascending, for jobs that are copied in with COPY.';
