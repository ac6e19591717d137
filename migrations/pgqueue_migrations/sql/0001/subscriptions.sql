create table pgqueue.subscriptions (
  topic pgqueue.name not null,
  queue pgqueue.name not null constraint subscriptions_queue check (queue not like '%.dead'),
  primary key (topic, queue)
);

comment on table pgqueue.subscriptions is 'Which queues receive a copy of what is published on a topic. Workers add the subscriptions of their processors when they start; pgqueue.unsubscribe() removes one.';
comment on column pgqueue.subscriptions.topic is 'The topic''s name, which is the name of the copies'' jobs, too.';
comment on column pgqueue.subscriptions.queue is 'The subscriber''s queue.';
comment on index pgqueue.subscriptions_pkey is 'Finds the subscribers of a topic.';
