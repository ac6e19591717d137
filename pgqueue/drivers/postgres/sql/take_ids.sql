-- Take ids for jobs that are about to be copied, with the times that they share.
-- Ids that follow each other, for nobody has taken one in between, are told by the first alone.
select ids[1] as first, case when ids[:count] - ids[1] >= :count then ids end as ids,
  coalesce(:run_at, now() + :delay) as due, now() + :expires_in as expires_at
from (select pgqueue.take_ids(:count) as ids) taken
