create function pgqueue.push_unique(
  queue text, key text, until text, within interval, replace boolean, name text, envelope jsonb, due timestamptz,
  priority integer, attempts integer, backoff jsonb, timeout interval, expires_in interval,
  out id bigint, out created boolean
)
language plpgsql volatile
as $$
declare
  held pgqueue.unique_keys;
  ends timestamptz := clock_timestamp() + push_unique.within;
begin
  id := nextval('pgqueue.jobs_id_seq');
  created := true;
  loop
    -- A push of the same key that has not committed yet is waited for, here.
    insert into pgqueue.unique_keys (queue, key, job_id, until, free_at)
    values (push_unique.queue, push_unique.key, push_unique.id, push_unique.until, ends)
    on conflict do nothing;
    exit when found;
    select known.* into held from pgqueue.unique_keys known
    where known.queue = push_unique.queue and known.key = push_unique.key
    for update;
    continue when not found;
    if pgqueue.key_holds(held) then
      created := push_unique.replace and not pgqueue.replace_waiting(
        held.job_id, push_unique.name, push_unique.envelope, push_unique.due, push_unique.priority, push_unique.attempts,
        push_unique.backoff, push_unique.timeout, push_unique.expires_in);
      if not created then
        id := held.job_id;
        return;
      end if;
    end if;
    update pgqueue.unique_keys known
    set job_id = push_unique.id, until = push_unique.until, free_at = ends
    where known.queue = push_unique.queue and known.key = push_unique.key;
    exit;
  end loop;
  if push_unique.due > now() then
    insert into pgqueue.scheduled_jobs (id, queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, unique_key, expires_at)
    values (push_unique.id, push_unique.queue, push_unique.name, push_unique.priority, push_unique.due, push_unique.attempts,
      push_unique.backoff, push_unique.timeout, push_unique.envelope, push_unique.key, now() + push_unique.expires_in);
  else
    insert into pgqueue.jobs (id, queue, name, priority, max_attempts, backoff, timeout, envelope, unique_key, expires_at)
    values (push_unique.id, push_unique.queue, push_unique.name, push_unique.priority, push_unique.attempts,
      push_unique.backoff, push_unique.timeout, push_unique.envelope, push_unique.key, now() + push_unique.expires_in);
  end if;
end
$$;
comment on function pgqueue.push_unique(text, text, text, interval, boolean, text, jsonb, timestamptz, integer, integer, jsonb, interval, interval) is 'Push one envelope unless a job holds its key: the id of the job that holds it now, and whether that is a new one.';
