-- Say that a worker of these queues sleeps: share the locks that pushes peek at, and tell if all are had.
-- Waits for nobody: who holds one is a push, or a stranger.
select coalesce(bool_and(pg_try_advisory_lock_shared(7067, bell)), true)
from (select distinct pgqueue.bell(queue) as bell from unnest(:queues::text[]) as served (queue)) bells
