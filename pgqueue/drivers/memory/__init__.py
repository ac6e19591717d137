"""The ephemeral driver: jobs in the memory of one process, gone with it."""

from pgqueue.drivers.memory.driver import Memory

__all__ = ["Memory"]
