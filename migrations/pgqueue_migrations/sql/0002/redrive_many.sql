create function pgqueue.redrive_many(
  queue text default null,
  name text default null,
  reason text default null,
  older_than interval default null,
  newer_than interval default null,
  error text default null,
  unhandled boolean default null,
  parked boolean default null,
  max integer default null,
  delay interval default null,
  to_queue text default null,
  "all" boolean default false
) returns bigint
language plpgsql volatile
as $$
begin
  perform pgqueue.check_dead_filter(reason, num_nonnulls(queue, name, reason, older_than, newer_than, error, unhandled, parked) > 0, "all");
  if not pgqueue.valid_name(to_queue) or to_queue like '%.dead' then
    raise exception '% cannot name a queue', quote_literal(to_queue) using errcode = 'invalid_parameter_value';
  end if;
  return (
    select count(revived)
    from pgqueue.revive(array(
      select dead.id
      from pgqueue.dead_jobs dead
      where pgqueue.dead_matches(dead, redrive_many.queue, redrive_many.name, redrive_many.reason, redrive_many.older_than, redrive_many.newer_than, redrive_many.error, redrive_many.unhandled, redrive_many.parked)
        and (dead.lease is null or dead.visible_at <= now())
      order by dead.id
      limit redrive_many.max
      for update skip locked
    ), redrive_many.delay, redrive_many.to_queue) revived
  );
end
$$;
comment on function pgqueue.redrive_many(text, text, text, interval, interval, text, boolean, boolean, integer, interval, text, boolean) is 'Make the dead jobs that pass a filter run again, the oldest ids first, and return how many: pgqueue.redrive(id) for each. Example: select pgqueue.redrive_many(queue => ''audio'', reason => ''lost'', max => 100);';
