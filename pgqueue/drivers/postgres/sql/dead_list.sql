-- Dead letters, the latest death first: a null filter lets everything pass.
select id, queue, name, reason, attempt, pushed_at, died_at, handled_at, failures -> -1 ->> 'error' as error
from pgqueue.dead_jobs
where (:queue::text is null or queue = :queue)
  and (:name::text is null or name = :name)
  and (:reason::text is null or reason = :reason)
order by died_at desc, id desc
limit :limit
