-- Not "create schema if not exists": that needs CREATE on the database even when there is nothing to do.
do $$
begin
  if to_regnamespace('pgqueue') is null then
    create schema pgqueue;
  end if;
end
$$;
