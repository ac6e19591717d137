-- Everything in schema pgqueue that PostgreSQL's catalog knows, as (kind, name, definition).
with things as (
  select 'schema' as kind, nspname::text as name, nspacl::text as definition
  from pg_namespace where nspname = 'pgqueue'
  union all
  select 'relation', relname, concat_ws(' ', relkind, relpersistence, reloptions, relacl, pg_get_partkeydef(oid))
  from pg_class where relnamespace = to_regnamespace('pgqueue')
  union all
  select 'column', concat_ws('.', relname, attnum, attname),
         concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, pg_get_expr(adbin, adrelid))
  from pg_class
  join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where relnamespace = to_regnamespace('pgqueue')
  union all
  select 'index', relname, pg_get_indexdef(oid)
  from pg_class where relnamespace = to_regnamespace('pgqueue') and relkind in ('i', 'I')
  union all
  select 'domain', typname, concat_ws(' ', format_type(typbasetype, typtypmod), typnotnull, typdefault)
  from pg_type where typnamespace = to_regnamespace('pgqueue') and typtype = 'd'
  union all
  select 'constraint', concat_ws('.', nullif(conrelid, 0)::regclass, nullif(contypid, 0)::regtype, conname), pg_get_constraintdef(oid)
  from pg_constraint where connamespace = to_regnamespace('pgqueue')
  union all
  select 'sequence', relname, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)
  from pg_sequence join pg_class on oid = seqrelid
  where relnamespace = to_regnamespace('pgqueue')
  union all
  select 'function', oid::regprocedure::text, concat_ws(' ', pg_get_functiondef(oid), proacl)
  from pg_proc where pronamespace = to_regnamespace('pgqueue')
  union all
  select 'view', relname, pg_get_viewdef(oid)
  from pg_class where relnamespace = to_regnamespace('pgqueue') and relkind in ('v', 'm')
  union all
  select 'trigger', concat_ws('.', tgrelid::regclass, tgname), pg_get_triggerdef(pg_trigger.oid)
  from pg_trigger join pg_class on pg_class.oid = tgrelid
  where relnamespace = to_regnamespace('pgqueue') and not tgisinternal
  union all
  select 'comment', concat_ws(' ', thing.type, thing.identity), description
  from pg_description, pg_identify_object(classoid, objoid, objsubid) thing
  where quote_ident('pgqueue') in (thing.schema, case thing.type when 'schema' then thing.identity end)
)
select kind, name, coalesce(definition, '') from things order by 1, 2
