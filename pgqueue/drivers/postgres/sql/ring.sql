-- Wake the queue's workers when this transaction commits, if one of them sleeps.
select pgqueue.ring(:queue) as rung
