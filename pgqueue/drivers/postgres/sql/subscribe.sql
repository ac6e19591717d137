-- Add subscriptions, and return for each whether it is new; ordered, so that two workers starting at once never deadlock.
select pgqueue.subscribe(pair.topic, pair.queue) as added
from (
  select wanted.topic, wanted.queue
  from unnest(:topics::text[], :queues::text[]) wanted (topic, queue)
  order by wanted.topic, wanted.queue
) pair
