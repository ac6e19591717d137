-- Push sealed jobs of one queue that have to wait, in their order, and return their ids.
insert into pgqueue.scheduled_jobs (queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, expires_at)
select :queue, :name, :priority, coalesce(:run_at, now() + :delay), :max_attempts, :backoff::jsonb, :timeout, item.envelope::jsonb, now() + :expires_in
from unnest(:envelopes::text[]) with ordinality as item (envelope, n)
order by item.n
returning id
