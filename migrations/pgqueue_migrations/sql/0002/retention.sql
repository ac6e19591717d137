alter table pgqueue.queues add column dead_keep integer constraint queues_dead_keep check (dead_keep >= 0);

comment on column pgqueue.queues.dead_retention is 'How long its dead letters are kept after their death; null: what the workers'' setting dead_retention says, by default for ever.';
comment on column pgqueue.queues.dead_keep is 'How many of its dead letters are kept, the newest ids; null: what the workers'' setting dead_keep says, by default all.';
