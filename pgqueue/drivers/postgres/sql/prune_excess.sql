-- Delete a batch of the dead letters that are more than their queue keeps, the oldest ids first, and return their ids.
-- The queues come one probe each, and none where nobody has set a number.
with recursive buried (queue) as (
  (select queue from pgqueue.dead_jobs where :keep::integer is not null order by queue limit 1)
  union all
  select (select dead.queue from pgqueue.dead_jobs dead where dead.queue > buried.queue order by dead.queue limit 1)
  from buried
  where buried.queue is not null
),
kept as (
  select found.queue, coalesce(settings.dead_keep, :keep::integer) as number
  from (select queue from buried union select queue from pgqueue.queues where dead_keep is not null) found
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
      and dead.id <= (
        select newer.id from pgqueue.dead_jobs newer
        where newer.queue = kept.queue
        order by newer.id desc
        offset kept.number
        limit 1
      )
      and (dead.lease is null or dead.visible_at <= now())
    order by dead.id
    limit :limit
    for update skip locked
  ) old
  limit :limit
))
returning id
