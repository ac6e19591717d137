-- Copy sealed jobs that have to wait, in their order.
copy pgqueue.scheduled_jobs (id, queue, name, priority, max_attempts, backoff, timeout, envelope, expires_at, run_at) from stdin (format binary)
