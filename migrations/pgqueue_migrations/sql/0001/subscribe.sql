create function pgqueue.subscribe(topic text, queue text) returns boolean
language sql volatile
as $$
  with added as (
    insert into pgqueue.subscriptions (topic, queue)
    values (subscribe.topic, subscribe.queue)
    on conflict do nothing
    returning 1
  )
  select exists (select from added)
$$;
comment on function pgqueue.subscribe(text, text) is 'Give a queue its own copy of whatever is published on a topic from now on. False: it had that already.';

create function pgqueue.unsubscribe(topic text, queue text) returns boolean
language sql volatile
as $$
  with removed as (
    delete from pgqueue.subscriptions subscription
    where subscription.topic = unsubscribe.topic and subscription.queue = unsubscribe.queue
    returning 1
  )
  select exists (select from removed)
$$;
comment on function pgqueue.unsubscribe(text, text) is 'Give a queue no more copies of what is published on a topic; those that it has stay. A worker that still includes the subscriber adds it again when it starts. False: it was not subscribed.';
