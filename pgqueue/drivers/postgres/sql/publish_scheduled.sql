-- Push a sealed copy that has to wait to each subscriber of a topic, or to the queue of its name, ring, and return the ids.
with pushed as (
  insert into pgqueue.scheduled_jobs (queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, expires_at)
  select coalesce(subscriber.queue, asked.topic), asked.topic, :priority, coalesce(:run_at, now() + :delay), :max_attempts, :backoff::jsonb, :timeout, :envelope::text::jsonb, now() + :expires_in
  from (select :topic::text as topic) asked
  left join (
    select subscription.queue from pgqueue.subscriptions subscription where subscription.topic = :topic::text
    union
    select known.queue from unnest(:known::text[]) known (queue)
  ) subscriber on true
  order by subscriber.queue
  returning id, queue
)
select id from pushed where not :notify or pgqueue.ring(queue) is not null
