create index dead_jobs_reason on pgqueue.dead_jobs (reason, queue, id);
create index dead_jobs_age on pgqueue.dead_jobs (queue, died_at);

comment on index pgqueue.dead_jobs_reason is 'Lists the dead of one reason, and counts them by reason and queue without their rows.';
comment on index pgqueue.dead_jobs_age is 'Finds those of a queue that are older, or newer, than some time.';

create function pgqueue.dead_matches(
  dead pgqueue.dead_jobs,
  queue text,
  name text,
  reason text,
  older_than interval,
  newer_than interval,
  error text,
  unhandled boolean,
  parked boolean
) returns boolean
language sql stable parallel safe
return (dead_matches.queue is null or (dead_matches.dead).queue = dead_matches.queue)
  and (dead_matches.name is null or (dead_matches.dead).name = dead_matches.name)
  and (dead_matches.reason is null or (dead_matches.dead).reason = dead_matches.reason)
  and (dead_matches.older_than is null or (dead_matches.dead).died_at <= now() - dead_matches.older_than)
  and (dead_matches.newer_than is null or (dead_matches.dead).died_at > now() - dead_matches.newer_than)
  and (dead_matches.unhandled is null or ((dead_matches.dead).handled_at is null) = dead_matches.unhandled)
  and (dead_matches.parked is null or ((dead_matches.dead).parked_at is not null) = dead_matches.parked)
  and (dead_matches.error is null or strpos((dead_matches.dead).failures -> -1 ->> 'error', dead_matches.error) > 0);
comment on function pgqueue.dead_matches(pgqueue.dead_jobs, text, text, text, interval, interval, text, boolean, boolean) is 'Whether a dead letter passes a filter, in which null lets everything pass; what every tool means by queue, name, reason, older_than, newer_than, error (part of the last failure''s), unhandled and parked.';

create function pgqueue.check_dead_filter(reason text, given boolean, "all" boolean) returns void
language plpgsql immutable parallel safe
as $$
begin
  if not (given or "all") then
    raise exception 'the filter is empty, which means every dead letter'
      using errcode = 'invalid_parameter_value', hint = 'Give a queue, name, reason, older_than, newer_than, error, unhandled or parked; or say "all" => true.';
  end if;
  if reason not in ('exhausted', 'expired', 'lost', 'rejected', 'aborted') then
    raise exception 'there is no reason %', quote_literal(reason)
      using errcode = 'invalid_parameter_value', hint = 'The reasons are exhausted, expired, lost, rejected and aborted.';
  end if;
end
$$;
comment on function pgqueue.check_dead_filter(text, boolean, boolean) is 'Refuse an empty filter unless all is said, and a reason that does not exist.';
