-- What in schema pgqueue has no comment, as (kind, identity). Alembic's own table is not ours.
with things as (
  select 'pg_namespace'::regclass as class, oid, 0 as part from pg_namespace where nspname = 'pgqueue'
  union all
  select 'pg_class'::regclass, oid, 0 from pg_class
  where relnamespace = to_regnamespace('pgqueue') and relname !~ '^alembic_version'
  union all
  select 'pg_class'::regclass, attrelid, attnum from pg_attribute join pg_class on pg_class.oid = attrelid
  where relnamespace = to_regnamespace('pgqueue') and relname !~ '^alembic_version'
    and relkind in ('r', 'p', 'v', 'm', 'f') and attnum > 0 and not attisdropped
  union all
  select 'pg_type'::regclass, oid, 0 from pg_type where typnamespace = to_regnamespace('pgqueue') and typtype = 'd'
  union all
  select 'pg_proc'::regclass, oid, 0 from pg_proc where pronamespace = to_regnamespace('pgqueue')
)
select thing.type, thing.identity
from things, pg_identify_object(class, oid, part) thing
where not exists (
  select from pg_description
  where classoid = class and objoid = things.oid and objsubid = part and description <> ''
)
order by 1, 2
