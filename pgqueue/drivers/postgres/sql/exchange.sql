-- Remove completed jobs whose lease still holds, and lease up to :limit due jobs: one round trip, one commit.
-- Both halves are those of complete.sql and claim.sql. A lapsed job among the completed ones is not leased
-- again by the same statement. A claim waits for nobody: what another session has locked, or had, is not
-- completed here, and a claim leaves xmax as xmin. What is not completed comes back, without a token.
with done as (
  delete from pgqueue.jobs
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
    and (xmax = xmin or xmax = '0')
  returning id
),
claimed as (
  update pgqueue.jobs
  set lease = :token,
      worker = :worker,
      attempt = least(attempt + 1, 32767),
      visible_at = now() + :lease,
      failures = case
        when lease is null then failures
        else pgqueue.append_failure(failures, jsonb_build_object(
          'attempt', attempt, 'at', visible_at, 'worker', worker, 'lost', true,
          'error', 'worker lost: its lease lapsed before the attempt ended'))
      end
  where ctid = any (array(
    select found.ctid
    from unnest(:queues::text[], :rooms::integer[]) with ordinality as wanted (queue, room, n)
    cross join lateral (
      select job.ctid
      from unnest('{0,1,2,3,4,5,6,7,8,9}'::smallint[]) with ordinality as lane (priority, n)
      cross join lateral (
        select job.ctid
        from pgqueue.jobs job
        where job.queue = wanted.queue
          and job.priority = lane.priority
          and job.position > (:cursors::bigint[])[(wanted.n - 1) * 10 + lane.n]
          and job.visible_at <= now()
          and (job.lease is null or job.id <> all (:ids::bigint[]))
        order by job.position
        limit wanted.room
        for update skip locked
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
)
select id, lease, queue, name, priority, position, attempt, max_attempts, backoff, timeout, envelope, pushed_at,
  expired, lost, unwanted, age, snoozes
from claimed
union all
select given.id, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null
from unnest(:ids::bigint[]) as given (id)
where given.id not in (select done.id from done)
