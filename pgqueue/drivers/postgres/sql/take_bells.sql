-- Say that a worker of these queues sleeps: share the locks that pushes peek at.
select pg_advisory_lock_shared(7067, bell)
from (select distinct pgqueue.bell(queue) as bell from unnest(:queues::text[]) as served (queue)) bells
