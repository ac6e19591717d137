"""A PostgreSQL server of one's own, for demos, development and tests.

It runs the binaries that a wheel, the distribution or the user provides; nothing here is
needed in production.
"""

from pgqueue.devserver.binaries import find_binaries
from pgqueue.devserver.errors import DevServerError
from pgqueue.devserver.server import DevServer

__all__ = ["DevServer", "DevServerError", "find_binaries"]
