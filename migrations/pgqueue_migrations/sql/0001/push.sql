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
  notify boolean default true
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
  if due > now() then
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
comment on function pgqueue.push(text, jsonb, text, interval, timestamptz, integer, integer, jsonb, interval, interval, jsonb, boolean) is 'Push one job in this transaction and return its id; it exists, and wakes a worker, when the transaction commits. Example: select pgqueue.push(''audio'', ''{"file": "d.mp3"}'', delay => ''5 min'');';
