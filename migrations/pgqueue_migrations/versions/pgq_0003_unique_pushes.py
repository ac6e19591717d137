"""Unique pushes, many pushes in one call, and one document that every client library can push."""

from pgqueue_migrations.statements import execute, run

revision = "pgq_0003"
down_revision = "pgq_0002"
branch_labels = None
depends_on = None

FILES = (
    "unique_keys.sql",
    "key_holds.sql",
    "replace_waiting.sql",
    "push_unique.sql",
    "push_envelopes.sql",
    "push_sealed.sql",
    "take_ids.sql",
    "push.sql",
    "push_many.sql",
    "schema_version.sql",
)

DROPS = (
    "drop function pgqueue.push, pgqueue.push_many, pgqueue.push_sealed, pgqueue.push_envelopes",
    "drop function pgqueue.take_ids, pgqueue.push_unique",
    "drop function pgqueue.replace_waiting, pgqueue.key_holds",
    "comment on index pgqueue.unique_keys_job is 'Finds a job''s key when the job ends.'",
    "alter table pgqueue.unique_keys drop column until, drop column free_at",
    "comment on table pgqueue.unique_keys is 'Keys of the live jobs whose push asked to be unique: "
    "at most one job a queue and key.'",
)


def upgrade() -> None:
    """Add what unique pushes need; pushes that ask for no key are what they were."""
    execute(["drop function pgqueue.push"])
    run(f"0003/{name}" for name in FILES)


def downgrade() -> None:
    """Drop what upgrade() created; the keys that are held are forgotten with their jobs' end."""
    execute(DROPS)
    run(["0001/push.sql", "0002/schema_version.sql"])
