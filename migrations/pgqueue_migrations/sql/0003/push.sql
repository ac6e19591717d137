create function pgqueue.push(
  queue text,
  payload jsonb,
  name text default null,
  delay interval default null,
  run_at timestamptz default null,
  priority integer default 5,
  attempts integer default null,
  backoff jsonb default null,
  timeout interval default null,
  expires_in interval default null,
  carrier jsonb default null,
  notify boolean default true,
  unique_key text default null,
  unique_until text default 'done',
  unique_within interval default null,
  replace boolean default false
) returns bigint
language plpgsql volatile
as $$
declare
  due timestamptz := coalesce(push.run_at, now() + push.delay);
  document jsonb;
  pushed bigint;
begin
  perform pgqueue.check_push(push.queue, push.payload, push.delay, push.run_at);
  document := coalesce(push.carrier, '{}') || jsonb_build_object('v', pgqueue.wire_format_version(), 'payload', push.payload);
  if push.unique_key is not null then
    select one.id into pushed
    from pgqueue.push_envelopes(push.queue, array[document], array[push.unique_key], push.unique_until, push.unique_within,
      push.replace, push.name, due, push.priority, push.attempts, push.backoff, push.timeout, push.expires_in, push.notify) one;
    return pushed;
  elsif due > now() then
    insert into pgqueue.scheduled_jobs (queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, expires_at)
    values (push.queue, push.name, push.priority, due, push.attempts, push.backoff, push.timeout, document, now() + push.expires_in)
    returning scheduled_jobs.id into pushed;
  else
    insert into pgqueue.jobs (queue, name, priority, max_attempts, backoff, timeout, envelope, expires_at)
    values (push.queue, push.name, push.priority, push.attempts, push.backoff, push.timeout, document, now() + push.expires_in)
    returning jobs.id into pushed;
  end if;
  if push.notify then
    perform pgqueue.ring(push.queue);
  end if;
  return pushed;
end
$$;
comment on function pgqueue.push(text, jsonb, text, interval, timestamptz, integer, integer, jsonb, interval, interval, jsonb, boolean, text, text, interval, boolean) is 'Push one job in this transaction and return its id; it exists, and wakes a worker, when the transaction commits. With a unique_key it is pushed only if no live job holds the key, and the id is that of the job that does. Example: select pgqueue.push(''audio'', ''{"file": "d.mp3"}'', delay => ''5 min'');';
