-- Give jobs whose lease still holds back uncounted, claimable at once, ring, and return their ids.
with released as (
  update pgqueue.jobs
  set lease = null, worker = null, attempt = attempt - 1, visible_at = now()
  where id = any (:ids::bigint[])
    and lease = (:tokens::bigint[])[width_bucket(id, :ids::bigint[])]
  returning id, queue
)
select id from released where pgqueue.ring(queue) is not null
