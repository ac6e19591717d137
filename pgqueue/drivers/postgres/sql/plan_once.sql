-- Plan each prepared statement once, and not for the numbers at hand: that takes as long as to run it.
select set_config('plan_cache_mode', 'force_generic_plan', false)
