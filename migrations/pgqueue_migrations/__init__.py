"""Owns pgqueue's schema: creates it, upgrades it, and takes it away again.

Importing this loads neither Alembic nor SQLAlchemy; the functions that need them do.
"""

from pgqueue_migrations.coexist import include_name
from pgqueue_migrations.commands import current, downgrade, head, sql, upgrade
from pgqueue_migrations.errors import MigrationError

__all__ = ["MigrationError", "current", "downgrade", "head", "include_name", "sql", "upgrade"]
