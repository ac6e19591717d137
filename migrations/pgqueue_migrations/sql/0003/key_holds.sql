-- A redriven job has its id back, and not its key.
create function pgqueue.key_holds(held pgqueue.unique_keys) returns boolean
language sql volatile
return case
  when held.free_at is not null then held.free_at > clock_timestamp()
  when held.until = 'started' then
    exists (select from pgqueue.jobs job where job.id = held.job_id and job.unique_key is not null and job.attempt = 0)
    or exists (select from pgqueue.scheduled_jobs job where job.id = held.job_id and job.unique_key is not null and job.attempt = 0)
  else
    exists (select from pgqueue.jobs job where job.id = held.job_id and job.unique_key is not null)
    or exists (select from pgqueue.scheduled_jobs job where job.id = held.job_id and job.unique_key is not null)
end;
comment on function pgqueue.key_holds(pgqueue.unique_keys) is 'Whether a key still keeps other jobs out. One query, so that a job on its way from one table to the other is seen in one of them.';
