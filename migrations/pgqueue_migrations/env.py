"""Alembic's entry: migrates on the connection that commands.py hands over, or prints SQL."""

from alembic import context

from pgqueue_migrations.schemas import DEFAULT
from pgqueue_migrations.statements import statement

connection = context.config.attributes.get("connection")
schema = context.config.attributes.get("schema", DEFAULT)
context.configure(
    connection=connection,
    dialect_name=None if connection is not None else "postgresql",
    dialect_opts={"paramstyle": "named"},
    version_table_schema=schema,
    pgqueue_schema=schema,
    transaction_per_migration=True,
)
with context.begin_transaction():
    # Alembic's version table lives in the schema, so the schema has to be there before it.
    context.execute(statement("create_schema.sql", schema))
    context.run_migrations()
