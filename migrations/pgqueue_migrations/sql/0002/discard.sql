create function pgqueue.discard(id bigint) returns boolean
language sql volatile
begin atomic
  with gone as (
    delete from pgqueue.dead_jobs
    where dead_jobs.id = discard.id and (lease is null or visible_at <= now())
    returning 1
  )
  select exists (select from gone);
end;
comment on function pgqueue.discard(bigint) is 'Delete a dead job for good. False: there is no such dead job, or its dead-letter processor holds it.';

create function pgqueue.discard_many(
  queue text default null,
  name text default null,
  reason text default null,
  older_than interval default null,
  newer_than interval default null,
  error text default null,
  unhandled boolean default null,
  parked boolean default null,
  max integer default null,
  "all" boolean default false
) returns bigint
language plpgsql volatile
as $$
declare
  discarded bigint;
begin
  perform pgqueue.check_dead_filter(reason, num_nonnulls(queue, name, reason, older_than, newer_than, error, unhandled, parked) > 0, "all");
  delete from pgqueue.dead_jobs
  where ctid = any (array(
    select dead.ctid
    from pgqueue.dead_jobs dead
    where pgqueue.dead_matches(dead, discard_many.queue, discard_many.name, discard_many.reason, discard_many.older_than, discard_many.newer_than, discard_many.error, discard_many.unhandled, discard_many.parked)
      and (dead.lease is null or dead.visible_at <= now())
    order by dead.id
    limit discard_many.max
    for update skip locked
  ));
  get diagnostics discarded = row_count;
  return discarded;
end
$$;
comment on function pgqueue.discard_many(text, text, text, interval, interval, text, boolean, boolean, integer, boolean) is 'Delete the dead jobs that pass a filter for good, the oldest ids first, and return how many. Example: select pgqueue.discard_many(queue => ''audio'', older_than => ''30 days'');';
