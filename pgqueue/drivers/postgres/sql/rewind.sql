-- Move the times of all jobs back, as if so much more of it had passed, and return how many jobs there are.
with scheduled as (
  update pgqueue.scheduled_jobs
  set run_at = run_at - :by, expires_at = expires_at - :by, pushed_at = pushed_at - :by
  returning id
), live as (
  update pgqueue.jobs
  set visible_at = visible_at - :by, expires_at = expires_at - :by, pushed_at = pushed_at - :by
  returning id
), dead as (
  update pgqueue.dead_jobs
  set visible_at = visible_at - :by, died_at = died_at - :by, pushed_at = pushed_at - :by
  returning id
)
select (select count(*) from scheduled) + (select count(*) from live) + (select count(*) from dead) as moved
