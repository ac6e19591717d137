create function pgqueue.wire_format_version() returns integer
language sql immutable parallel safe
return 1;
comment on function pgqueue.wire_format_version() is 'The envelope version that pgqueue.push() seals with; the Python constant WIRE_FORMAT_VERSION has the same value.';

create function pgqueue.schema_version(out version integer, out oldest integer)
language sql immutable parallel safe
return (1, 1);
comment on function pgqueue.schema_version() is 'The version of this schema, and the oldest version of the code that still works on it; workers read it before they start.';

create function pgqueue.valid_name(name text) returns boolean
language sql immutable parallel safe
return name ~ '^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,47}$';
comment on function pgqueue.valid_name(text) is 'Whether a text can name a queue or a job: 1 to 48 letters, digits, _ . : or -, not starting with a sign.';

create function pgqueue.append_failure(failures jsonb, failure jsonb) returns jsonb
language sql immutable parallel safe
return case
  when failure is null then failures
  when failures is null then jsonb_build_array(failure)
  when jsonb_array_length(failures) < 20 then failures || jsonb_build_array(failure)
  else (failures - 0) || jsonb_build_array(failure)
end;
comment on function pgqueue.append_failure(jsonb, jsonb) is 'A job''s failures with one more at the end; the last 20 are kept.';

create function pgqueue.bell(queue text) returns integer
language sql immutable parallel safe
return (hashtext('pgqueue') & ~31) | (hashtext(queue) & 31);
comment on function pgqueue.bell(text) is 'Which of the schema''s 32 doorbells a queue hangs on: the second key of the advisory lock (7067, bell) that an idle worker holds, shared, on its LISTEN connection.';

create function pgqueue.ring(queue text) returns boolean
language sql volatile
return case
  when pg_try_advisory_lock(7067, pgqueue.bell(queue)) then not pg_advisory_unlock(7067, pgqueue.bell(queue))
  else pg_notify('pgqueue', queue) is not null
end;
comment on function pgqueue.ring(text) is 'Wake the workers of a queue when this transaction commits, and only if one of them sleeps: nobody sleeps if the doorbell''s lock is free. Returns whether it rang. A NOTIFY takes a database-wide lock at commit, so it is sent only when it is needed.';
