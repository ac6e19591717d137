-- Push what one JSON document describes, and return the ids, and whether each is a new job.
select id, created from pgqueue.push_sealed(cast(:document as text)::jsonb)
