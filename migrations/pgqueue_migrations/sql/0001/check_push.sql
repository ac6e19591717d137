create function pgqueue.check_push(queue text, payload jsonb, delay interval, run_at timestamptz) returns void
language plpgsql immutable
as $$
begin
  if queue is null or not pgqueue.valid_name(queue) or queue like '%.dead' then
    raise exception 'pgqueue.push: % cannot name a queue', coalesce(quote_literal(queue), 'null')
      using errcode = 'invalid_parameter_value', hint = 'Use 1 to 48 letters, digits, _ . : or -; names that end in .dead are addresses of dead letters.';
  elsif payload is null then
    raise exception 'pgqueue.push: the payload for % is null', queue
      using errcode = 'invalid_parameter_value', hint = 'For a JSON null push ''null''::jsonb.';
  elsif jsonb_typeof(payload) = 'object' and payload ? 'payload' and jsonb_typeof(payload -> 'v') = 'number'
    and payload - array['v', 'payload', 'traceparent', 'tracestate', 'baggage'] = '{}' then
    raise exception 'pgqueue.push: the payload for % is already sealed', queue
      using errcode = 'invalid_parameter_value', hint = 'Push the payload itself; the envelope is put around it once, here.';
  elsif delay is not null and run_at is not null then
    raise exception 'pgqueue.push: both delay and run_at are given for %', queue
      using errcode = 'invalid_parameter_value', hint = 'Give one of them.';
  elsif delay < interval '0' then
    raise exception 'pgqueue.push: the delay for % is negative', queue
      using errcode = 'invalid_parameter_value', hint = 'Leave it out to run the job at once.';
  end if;
end
$$;
comment on function pgqueue.check_push(text, jsonb, interval, timestamptz) is 'Refuse what pgqueue.push() must not store, saying what to do instead.';
