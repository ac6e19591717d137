create function pgqueue.push_envelopes(
  queue text, envelopes jsonb[], keys text[], until text, within interval, replace boolean, name text, due timestamptz,
  priority integer, attempts integer, backoff jsonb, timeout interval, expires_in interval, notify boolean
) returns table (id bigint, created boolean)
language plpgsql volatile
as $$
declare
  ids bigint[] := array_fill(null::bigint, array[cardinality(envelopes)]);
  news boolean[] := array_fill(null::boolean, array[cardinality(envelopes)]);
  item record;
begin
  perform pgqueue.check_push(push_envelopes.queue, 'null', null, null);
  if cardinality(envelopes) > 0 and push_envelopes.notify then
    perform pgqueue.ring(push_envelopes.queue);
  end if;
  if keys is null and push_envelopes.due > now() then
    return query
      insert into pgqueue.scheduled_jobs as job (queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, expires_at)
      select push_envelopes.queue, push_envelopes.name, push_envelopes.priority, push_envelopes.due, push_envelopes.attempts,
        push_envelopes.backoff, push_envelopes.timeout, one.envelope, now() + push_envelopes.expires_in
      from unnest(envelopes) with ordinality one (envelope, n)
      order by one.n
      returning job.id, true;
  elsif keys is null then
    return query
      insert into pgqueue.jobs as job (queue, name, priority, max_attempts, backoff, timeout, envelope, expires_at)
      select push_envelopes.queue, push_envelopes.name, push_envelopes.priority, push_envelopes.attempts,
        push_envelopes.backoff, push_envelopes.timeout, one.envelope, now() + push_envelopes.expires_in
      from unnest(envelopes) with ordinality one (envelope, n)
      order by one.n
      returning job.id, true;
  elsif cardinality(keys) <> cardinality(envelopes) then
    raise exception 'pgqueue.push_many: % keys for % payloads', cardinality(keys), cardinality(envelopes)
      using errcode = 'invalid_parameter_value', hint = 'Give a key for each payload, in the same order.';
  else
    -- In the keys' order, so that two pushes that share keys never wait for each other.
    for item in
      select one.n, pushed.id, pushed.created
      from (
        select given.envelope, given.key, given.n
        from unnest(envelopes, keys) with ordinality given (envelope, key, n)
        order by given.key, given.n
      ) one
      cross join lateral pgqueue.push_unique(
        push_envelopes.queue, one.key, push_envelopes.until, push_envelopes.within, push_envelopes.replace, push_envelopes.name,
        one.envelope, push_envelopes.due, push_envelopes.priority, push_envelopes.attempts, push_envelopes.backoff,
        push_envelopes.timeout, push_envelopes.expires_in) pushed
    loop
      ids[item.n] := item.id;
      news[item.n] := item.created;
    end loop;
    return query select one.id, one.created from unnest(ids, news) one (id, created);
  end if;
end
$$;
comment on function pgqueue.push_envelopes(text, jsonb[], text[], text, interval, boolean, text, timestamptz, integer, integer, jsonb, interval, interval, boolean) is 'Push sealed jobs, each with a key if there are keys, in their order. For the functions that seal; use pgqueue.push() or pgqueue.push_many().';
