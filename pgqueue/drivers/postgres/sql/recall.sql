-- Find the jobs of a claim whose answer was lost, by its token, and lease them anew, not counted again.
-- No index knows tokens: each lane is read from where that claim read it, at most :depth rows of it.
-- What was :found before has the same token, and runs.
update pgqueue.jobs
set visible_at = now() + :lease
where lease = :token
  and ctid = any (array(
  select found.ctid
  from unnest(:queues::text[], :rooms::integer[]) with ordinality as wanted (queue, room, n)
  cross join lateral (
    select job.ctid
    from unnest('{0,1,2,3,4,5,6,7,8,9}'::smallint[]) with ordinality as lane (priority, n)
    cross join lateral (
      select job.ctid
      from (
        select job.ctid, job.id, job.lease
        from pgqueue.jobs job
        where job.queue = wanted.queue
          and job.priority = lane.priority
          and job.position > (:cursors::bigint[])[(wanted.n - 1) * 10 + lane.n]
        order by job.position
        limit :depth
      ) job
      where job.lease = :token and job.id <> all (:found::bigint[])
      limit wanted.room
    ) job
    order by lane.n
    limit wanted.room
  ) found
  order by wanted.n
  limit :limit
))
returning id, lease, queue, name, priority, position, attempt, max_attempts,
  backoff::text, extract(epoch from timeout)::float8 as timeout, envelope::text, pushed_at,
  coalesce(expires_at <= now(), false) as expired,
  coalesce(failures -> -1 ? 'lost', false) as lost,
  case when jsonb_typeof(failures -> -1 -> 'unwanted') = 'number'
    then extract(epoch from now())::float8 - (failures -> -1 -> 'unwanted')::float8
  end as unwanted,
  extract(epoch from now() - pushed_at)::float8 as age,
  case when jsonb_typeof(failures -> -1 -> 'snoozes') = 'number'
    then (failures -> -1 -> 'snoozes')::integer else 0
  end as snoozes
