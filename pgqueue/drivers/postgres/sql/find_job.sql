-- One job wherever it is, as people see it: of one that is complete nothing is left.
select queue, name, state, attempt, worker, due_at, (envelope -> 'payload')::text, failures::text, pushed_at
from pgqueue.all_jobs
where id = :id
