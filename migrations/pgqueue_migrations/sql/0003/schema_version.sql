create or replace function pgqueue.schema_version(out version integer, out oldest integer)
language sql immutable parallel safe
return (3, 1);
