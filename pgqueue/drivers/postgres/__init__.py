"""The durable driver: jobs are rows in PostgreSQL."""

from pgqueue.drivers.postgres.driver import Postgres
from pgqueue.drivers.postgres.push import PushOptions

__all__ = ["Postgres", "PushOptions"]
