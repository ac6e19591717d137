-- Push one sealed job that has to wait, ring its queue's doorbell, and return its id.
insert into pgqueue.scheduled_jobs (queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, expires_at)
values (:queue, :name, :priority, coalesce(:run_at, now() + :delay), :max_attempts, :backoff::jsonb, :timeout, :envelope::text::jsonb, now() + :expires_in)
returning case when not :notify or pgqueue.ring(:queue) is not null then id end as id
