"""The one failure of the demo."""

from pgqueue.errors import PgqueueError


class DemoError(PgqueueError):
    """The demo cannot go on; the message says why."""
