-- Copy sealed jobs of which nothing more is said, in their order.
copy pgqueue.jobs (id, queue, envelope) from stdin (format binary)
