-- Plan each prepared statement once, for any numbers: planning takes as long as running.
-- And never so that it reads a table from end to end or sorts, which would do while the tables are empty, and be kept.
-- What cannot be done otherwise looks so dear then that PostgreSQL before 18 would compile it each time, for 100 ms.
select set_config('plan_cache_mode', 'force_generic_plan', false),
  set_config('enable_seqscan', 'off', false),
  set_config('enable_sort', 'off', false),
  set_config('jit', 'off', false)
