-- Subscribe this connection to the wake-ups of all queues.
listen pgqueue
