-- Bury jobs that have expired and that no attempt is at work on, whatever their queue, ring, and tell which they were.
-- Where dead letters are not kept they are deleted. A lapsed lease is a failed attempt, as in the claim.
with gone as (
  delete from pgqueue.jobs
  where ctid = any (array(
    select job.ctid
    from pgqueue.jobs job
    where job.expires_at <= now() and (job.lease is null or job.visible_at <= now())
    order by job.expires_at
    limit :limit
    for update skip locked
  ))
  returning id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, pushed_at, expires_at, redrives,
    case
      when lease is null then failures
      else pgqueue.append_failure(failures, jsonb_build_object(
        'attempt', attempt, 'at', visible_at, 'worker', worker, 'lost', true,
        'error', 'worker lost: its lease lapsed before the attempt ended'))
    end as failures
),
waited as (
  delete from pgqueue.scheduled_jobs
  where ctid = any (array(
    select job.ctid
    from pgqueue.scheduled_jobs job
    where job.expires_at <= now()
    order by job.expires_at
    limit :limit
    for update skip locked
  ))
  returning id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives
),
expired as (
  select id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives,
    :keeps <> (queue = any (:others::text[])) as kept
  from (
    select id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives from gone
    union all
    select id, queue, name, priority, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives from waited
  ) found
),
buried as (
  insert into pgqueue.dead_jobs (id, queue, name, priority, reason, attempt, max_attempts, backoff, timeout, envelope, failures, pushed_at, expires_at, redrives)
  select id, queue, name, priority, 'expired', attempt, max_attempts, backoff, timeout, envelope,
    pgqueue.append_failure(failures, jsonb_build_object('error', 'expired: expires_at passed before the attempt started', 'at', now())),
    pushed_at, expires_at, redrives
  from expired
  where kept
  returning queue
),
rung as (
  select pgqueue.ring(queue || '.dead') as rang from (select distinct queue from buried) woken
)
select id, queue, name, attempt, kept, (select count(rang) from rung) as rung from expired
