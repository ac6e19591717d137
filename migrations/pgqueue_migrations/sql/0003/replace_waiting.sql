create function pgqueue.replace_waiting(
  id bigint, name text, envelope jsonb, due timestamptz, priority integer, attempts integer, backoff jsonb,
  timeout interval, expires_in interval
) returns boolean
language plpgsql volatile
as $$
begin
  update pgqueue.scheduled_jobs job
  set name = replace_waiting.name, envelope = replace_waiting.envelope,
    run_at = greatest(coalesce(replace_waiting.due, now()), now()), priority = replace_waiting.priority,
    max_attempts = replace_waiting.attempts, backoff = replace_waiting.backoff,
    timeout = replace_waiting.timeout, expires_at = now() + replace_waiting.expires_in
  where job.id = replace_waiting.id;
  if found then
    return true;
  end if;
  -- A claim under way holds the row: then this waits for it, and finds the job started.
  update pgqueue.jobs job
  set name = replace_waiting.name, envelope = replace_waiting.envelope,
    max_attempts = replace_waiting.attempts, backoff = replace_waiting.backoff,
    timeout = replace_waiting.timeout, expires_at = now() + replace_waiting.expires_in
  where job.id = replace_waiting.id and job.lease is null and job.attempt = 0;
  return found;
end
$$;
comment on function pgqueue.replace_waiting(bigint, text, jsonb, timestamptz, integer, integer, jsonb, interval, interval) is 'Put a new push in the place of a job that waits, keeping its id: one that waits for its time waits anew, one that is due keeps its turn. False: the job has started or ended.';
