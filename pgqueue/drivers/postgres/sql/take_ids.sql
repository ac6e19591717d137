-- Take ids for jobs that are about to be copied, with the times that they share.
-- Those that nobody else has taken one in between of are told by their first.
select ids[1] as first, case when ids[:count] - ids[1] >= :count then ids end as ids,
  coalesce(:run_at, now() + :delay) as due, now() + :expires_in as expires_at
from (select pgqueue.take_ids(:count) as ids offset 0) taken
