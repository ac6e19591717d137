-- Add subscriptions in an order in which two workers that start at once cannot deadlock, and return which are new.
select pgqueue.subscribe(pair.topic, pair.queue) as added
from (
  select wanted.topic, wanted.queue
  from unnest(:topics::text[], :queues::text[]) wanted (topic, queue)
  order by wanted.topic, wanted.queue
) pair
