-- Lease up to :limit dead letters for their processors: queues in the caller's order, each up to its room, the longest due first.
-- The shape is the claim's, for the same reasons. A lapsed lease counts as a failed attempt.
update pgqueue.dead_jobs
set lease = :token,
    worker = :worker,
    dead_attempt = least(dead_attempt + 1, 32767),
    visible_at = now() + :lease,
    dead_failures = case
      when lease is null then dead_failures
      else pgqueue.append_failure(dead_failures, jsonb_build_object(
        'attempt', dead_attempt, 'at', visible_at, 'worker', worker, 'lost', true,
        'error', 'worker lost: its lease lapsed before the attempt ended'))
    end
where ctid = any (array(
  select found.ctid
  from unnest(:queues::text[], :rooms::integer[]) with ordinality as wanted (queue, room, n)
  cross join lateral (
    select dead.ctid
    from pgqueue.dead_jobs dead
    where dead.queue = wanted.queue
      and dead.handled_at is null
      and dead.parked_at is null
      and dead.visible_at <= now()
    order by dead.visible_at, dead.id
    limit wanted.room
    for update skip locked
  ) found
  order by wanted.n
  limit :limit
))
returning id, lease, queue, name, priority, dead_attempt, envelope::text, pushed_at,
  coalesce(dead_failures -> -1 ? 'lost', false) as lost,
  case when jsonb_typeof(dead_failures -> -1 -> 'unwanted') = 'number'
    then extract(epoch from now())::float8 - (dead_failures -> -1 -> 'unwanted')::float8
  end as unwanted,
  case when jsonb_typeof(dead_failures -> -1 -> 'snoozes') = 'number'
    then (dead_failures -> -1 -> 'snoozes')::integer else 0
  end as snoozes,
  reason, attempt, failures::text, died_at, redrives
