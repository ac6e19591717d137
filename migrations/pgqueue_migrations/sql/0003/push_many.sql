create function pgqueue.push_many(
  queue text,
  payloads jsonb[],
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
  unique_keys text[] default null,
  unique_until text default 'done',
  unique_within interval default null,
  replace boolean default false
) returns table (id bigint, created boolean)
language plpgsql volatile
as $$
declare
  item jsonb;
begin
  foreach item in array coalesce(payloads, '{}') loop
    perform pgqueue.check_push(push_many.queue, item, push_many.delay, push_many.run_at);
  end loop;
  return query
    select one.id, one.created
    from pgqueue.push_envelopes(
      push_many.queue,
      array(
        select coalesce(push_many.carrier, '{}') || jsonb_build_object('v', pgqueue.wire_format_version(), 'payload', given.payload)
        from unnest(payloads) with ordinality given (payload, n)
        order by given.n
      ),
      push_many.unique_keys, push_many.unique_until, push_many.unique_within, push_many.replace, push_many.name,
      coalesce(push_many.run_at, now() + push_many.delay), push_many.priority, push_many.attempts, push_many.backoff,
      push_many.timeout, push_many.expires_in, push_many.notify) one;
end
$$;
comment on function pgqueue.push_many(text, jsonb[], text, interval, timestamptz, integer, integer, jsonb, interval, interval, jsonb, boolean, text[], text, interval, boolean) is 'Push a job for each payload in this transaction; in their order the ids, and whether each is a new job. Example: select id from pgqueue.push_many(''audio'', array(select to_jsonb(track) from tracks track));';
