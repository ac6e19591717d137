-- Keep a connection that only listens from being ended for being idle: it is meant to be.
select set_config('idle_session_timeout', '0', false)
