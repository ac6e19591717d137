-- Delete a batch of the dead letters that are older than their queue keeps them, and return their ids.
-- The queues come one probe each, and none where nobody has set a retention.
with recursive buried (queue) as (
  (select queue from pgqueue.dead_jobs where :retention::interval is not null order by queue limit 1)
  union all
  select (select dead.queue from pgqueue.dead_jobs dead where dead.queue > buried.queue order by dead.queue limit 1)
  from buried
  where buried.queue is not null
),
kept as (
  select found.queue, coalesce(settings.dead_retention, :retention::interval) as age
  from (select queue from buried union select queue from pgqueue.queues where dead_retention is not null) found
  left join pgqueue.queues settings on settings.queue = found.queue
  where found.queue is not null
)
delete from pgqueue.dead_jobs
where ctid = any (array(
  select old.ctid
  from kept
  cross join lateral (
    select dead.ctid
    from pgqueue.dead_jobs dead
    where dead.queue = kept.queue
      and dead.died_at <= now() - kept.age
      and (dead.lease is null or dead.visible_at <= now())
    order by dead.died_at
    limit :limit
    for update skip locked
  ) old
  limit :limit
))
returning id
