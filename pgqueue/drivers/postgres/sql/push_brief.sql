-- Push one sealed job of which nothing more is said, ring its queue's doorbell, and return its id.
insert into pgqueue.jobs (queue, envelope) values (:queue, :envelope::text::jsonb)
returning case when pgqueue.ring(:queue) is not null then id end as id
