"""The durable driver: jobs are rows in PostgreSQL."""

from pgqueue.drivers.postgres.driver import Postgres
from pgqueue.drivers.postgres.options import PushManyOptions, PushOptions

__all__ = ["Postgres", "PushManyOptions", "PushOptions"]
