-- Copy sealed jobs that may run at once, in their order.
copy pgqueue.jobs (id, queue, name, priority, max_attempts, backoff, timeout, envelope, expires_at) from stdin (format binary)
