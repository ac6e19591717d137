"""The one failure of the embedded server."""

from pgqueue.errors import PgqueueError


class DevServerError(PgqueueError):
    """The embedded server cannot be found, started or stopped; the message says what to do."""
