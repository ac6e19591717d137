-- The schema's version, and the oldest code that still works on it.
select version, oldest from pgqueue.schema_version()
