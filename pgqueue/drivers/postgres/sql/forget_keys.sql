-- Look at some keys in the order of their jobs, delete those that hold nothing any more, and tell how far that went.
-- A key that another push takes over meanwhile has another job then, and is left alone.
with looked as (
  select queue, key, job_id
  from pgqueue.unique_keys
  where job_id > :after
  order by job_id
  limit :limit
),
gone as (
  delete from pgqueue.unique_keys key
  using looked
  where key.queue = looked.queue
    and key.key = looked.key
    and key.job_id = looked.job_id
    and case
      when key.free_at is not null then key.free_at <= now()
      else not exists (select from pgqueue.jobs job where job.id = key.job_id and job.unique_key is not null)
        and not exists (select from pgqueue.scheduled_jobs job where job.id = key.job_id and job.unique_key is not null)
    end
  returning key.job_id
)
select (select count(*) from looked) as looked, (select count(*) from gone) as gone, coalesce((select max(job_id) from looked), 0) as last
