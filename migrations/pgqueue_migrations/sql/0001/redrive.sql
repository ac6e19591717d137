create function pgqueue.redrive(id bigint) returns boolean
language plpgsql volatile
as $$
declare
  revived record;
begin
  with gone as (
    delete from pgqueue.dead_jobs dead
    where dead.id = redrive.id and (dead.lease is null or dead.visible_at <= now())
    returning dead.id, dead.queue, dead.name, dead.priority, dead.max_attempts, dead.backoff, dead.timeout, dead.envelope, dead.failures, dead.pushed_at
  )
  insert into pgqueue.jobs (id, queue, name, priority, max_attempts, backoff, timeout, envelope, failures, pushed_at)
  select gone.id, gone.queue, gone.name, gone.priority, gone.max_attempts, gone.backoff, gone.timeout, gone.envelope, nullif(gone.failures, '[]'), gone.pushed_at
  from gone
  returning jobs.id, jobs.queue into revived;
  if revived.id is null then
    return false;
  end if;
  perform pgqueue.ring(revived.queue);
  return true;
end
$$;
comment on function pgqueue.redrive(bigint) is 'Make a dead job run again: same id, envelope and queue, a fresh budget of attempts, its failures kept. False: there is no such dead job, or its dead-letter processor holds it.';
