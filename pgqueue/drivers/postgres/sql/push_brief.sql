-- Push one sealed job of which nothing more is said, ring its queue's doorbell, and return its id.
with pushed as (
  insert into pgqueue.jobs (queue, envelope) values (:queue, :envelope::text::jsonb)
  returning id
)
select id from pushed where pgqueue.ring(:queue) is not null
