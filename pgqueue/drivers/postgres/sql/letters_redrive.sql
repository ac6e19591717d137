-- Make a dead job run again, and tell whether there was one.
select pgqueue.redrive(:id)
