"""The ephemeral driver: jobs in the memory of one process, gone with it."""

from pgqueue.drivers.memory.driver import Memory
from pgqueue.drivers.memory.store import DeadJob

__all__ = ["DeadJob", "Memory"]
