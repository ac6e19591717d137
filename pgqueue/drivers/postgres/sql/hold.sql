-- Tell whether an attempt's job is still there with its lease, once any transaction that ends it is over.
select id from pgqueue.jobs where id = :id and lease = :token for key share
