-- Take ids for jobs that are about to be copied, with the times that they share.
select pgqueue.take_ids(:count) as ids, coalesce(:run_at, now() + :delay) as due, now() + :expires_in as expires_at
