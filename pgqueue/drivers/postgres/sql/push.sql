-- Push one sealed job that may run at once, ring its queue's doorbell, and return its id.
insert into pgqueue.jobs (queue, name, priority, max_attempts, backoff, timeout, envelope, expires_at)
values (:queue, :name, :priority, :max_attempts, :backoff::jsonb, :timeout, :envelope::text::jsonb, now() + :expires_in)
returning case when not :notify or pgqueue.ring(:queue) is not null then id end as id
