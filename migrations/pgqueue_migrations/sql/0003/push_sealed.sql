create function pgqueue.push_sealed(document jsonb) returns table (id bigint, created boolean)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
  return query select pushed.id, pushed.created
  from (
    select coalesce(document ->> 'queue', subscriber.queue, document ->> 'topic') as queue
    from (values (true)) one (here)
    left join (
      select subscription.queue from pgqueue.subscriptions subscription where subscription.topic = document ->> 'topic'
      union
      select known.queue from jsonb_array_elements_text(document -> 'known') known (queue)
    ) subscriber on true
  ) asked
  cross join lateral pgqueue.push_envelopes(
    asked.queue,
    array(select one.envelope from jsonb_array_elements(document -> 'envelopes') with ordinality one (envelope, n) order by one.n),
    case when document ? 'keys' then array(select one.key from jsonb_array_elements_text(document -> 'keys') with ordinality one (key, n) order by one.n) end,
    coalesce(document ->> 'until', 'done'),
    (document ->> 'within')::float8 * interval '1 s',
    coalesce((document ->> 'replace')::boolean, false),
    document ->> 'name',
    coalesce((document ->> 'run_at')::timestamptz, now() + (document ->> 'delay')::float8 * interval '1 s'),
    coalesce((document ->> 'priority')::integer, 5),
    (document ->> 'max_attempts')::integer,
    nullif(document -> 'backoff', 'null'),
    (document ->> 'timeout')::float8 * interval '1 s',
    (document ->> 'expires_in')::float8 * interval '1 s',
    coalesce((document ->> 'notify')::boolean, true)
  ) pushed;
end
$$;
comment on function pgqueue.push_sealed(jsonb) is 'Push what one JSON document describes: envelopes for a queue, or for the subscribers of a topic, with their options in seconds. One text parameter passes through every client library alike; for drivers.';
