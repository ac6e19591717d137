-- Push sealed jobs of one queue that may run at once, in their order, and return their ids.
insert into pgqueue.jobs (queue, name, priority, max_attempts, backoff, timeout, envelope, expires_at)
select :queue, :name, :priority, :max_attempts, :backoff::jsonb, :timeout, item.envelope::jsonb, now() + :expires_in
from unnest(:envelopes::text[]) with ordinality as item (envelope, n)
order by item.n
returning id
