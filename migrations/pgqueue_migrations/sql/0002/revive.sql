create function pgqueue.revive(ids bigint[], delay interval default null, to_queue text default null) returns setof bigint
language sql volatile
as $$
  with gone as (
    delete from pgqueue.dead_jobs
    where ctid = any (array(
      select dead.ctid
      from pgqueue.dead_jobs dead
      where dead.id = any (revive.ids) and (dead.lease is null or dead.visible_at <= now())
      order by dead.id
      for update skip locked
    ))
    returning id, coalesce(revive.to_queue, queue) as queue, name, priority, max_attempts, backoff, timeout, envelope, nullif(failures, '[]') as failures, pushed_at, least(redrives + 1, 32767) as redrives
  ),
  ready as (
    insert into pgqueue.jobs (id, queue, name, priority, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives)
    select id, queue, name, priority, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives
    from gone
    where coalesce(revive.delay, '0') <= '0'
    order by id
    returning id, queue
  ),
  waiting as (
    insert into pgqueue.scheduled_jobs (id, queue, name, priority, run_at, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives)
    select id, queue, name, priority, now() + revive.delay, max_attempts, backoff, timeout, envelope, failures, pushed_at, redrives
    from gone
    where revive.delay > '0'
    returning id, queue
  ),
  revived as (
    select id, queue from ready union all select id, queue from waiting
  ),
  rung as (
    select pgqueue.ring(queue) as rang from (select distinct queue from revived) woken
  )
  select id from revived where (select count(rang) from rung) > 0
$$;
comment on function pgqueue.revive(bigint[], interval, text) is 'Move dead jobs back to the live ones, in one statement, and return their ids: same id, envelope and options, a fresh budget of attempts, no time to expire, their failures kept. Left out: whoever is not dead, held by a dead-letter processor, or locked by another command.';

create or replace function pgqueue.redrive(id bigint) returns boolean
language sql volatile
return exists (select from pgqueue.revive(array[redrive.id]));
comment on function pgqueue.redrive(bigint) is 'Make a dead job run again: same id, envelope and queue, a fresh budget of attempts, its failures kept. False: there is no such dead job, or its dead-letter processor holds it.';
