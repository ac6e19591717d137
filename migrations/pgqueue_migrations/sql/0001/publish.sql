create function pgqueue.publish(
  topic text,
  payload jsonb,
  delay interval default null,
  run_at timestamptz default null,
  priority integer default 5,
  attempts integer default null,
  backoff jsonb default null,
  timeout interval default null,
  expires_in interval default null,
  carrier jsonb default null,
  notify boolean default true
) returns setof bigint
language sql volatile
as $$
  select pgqueue.push(
    coalesce(subscription.queue, asked.topic), publish.payload, name => asked.topic,
    delay => publish.delay, run_at => publish.run_at, priority => publish.priority,
    attempts => publish.attempts, backoff => publish.backoff, timeout => publish.timeout,
    expires_in => publish.expires_in, carrier => publish.carrier, notify => publish.notify)
  from (values (publish.topic)) asked (topic)
  left join pgqueue.subscriptions subscription on subscription.topic = asked.topic
  order by subscription.queue
$$;
comment on function pgqueue.publish(text, jsonb, interval, timestamptz, integer, integer, jsonb, interval, interval, jsonb, boolean) is 'Push a copy for every subscriber of a topic, each on its own queue, in this transaction, and return the ids. While nobody has subscribed the message waits on the queue of the topic''s name. Example: select pgqueue.publish(''order.paid'', ''{"id": 7}'');';
