-- Say that the worker of this connection is awake: let go of every bell it holds.
select pg_advisory_unlock_all()
