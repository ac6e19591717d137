"""Dead letters that processors consume, and the search for jobs that have expired."""

from pgqueue_migrations.statements import execute, run

revision = "pgq_0002"
down_revision = "pgq_0001"
branch_labels = None
depends_on = None

FILES = (
    "dead_jobs.sql",
    "expiry.sql",
    "redrives.sql",
    "retention.sql",
    "dead_search.sql",
    "revive.sql",
    "redrive_many.sql",
    "discard.sql",
    "schema_version.sql",
)

# The comments are those of the revision before.
DROPS = (
    "drop function pgqueue.redrive_many, pgqueue.discard, pgqueue.discard_many",
    "drop function pgqueue.redrive, pgqueue.revive, pgqueue.check_dead_filter",
    "drop function pgqueue.dead_matches",
    "drop index pgqueue.dead_jobs_reason, pgqueue.dead_jobs_age",
    "alter table pgqueue.jobs drop column redrives",
    "alter table pgqueue.scheduled_jobs drop column redrives",
    "alter table pgqueue.dead_jobs drop column redrives",
    "alter table pgqueue.queues drop column dead_keep",
    "comment on column pgqueue.queues.dead_retention is "
    "'How long its dead letters are kept; null: for ever.'",
    "drop index pgqueue.jobs_expiry, pgqueue.scheduled_jobs_expiry, pgqueue.dead_jobs_due",
    "alter table pgqueue.dead_jobs drop column parked_at, drop column dead_failures",
    "comment on column pgqueue.dead_jobs.visible_at is "
    "'The visibility timeout of its dead-letter processor''s attempt.'",
    "comment on column pgqueue.dead_jobs.worker is 'Who holds, or last held, that lease.'",
    "comment on column pgqueue.dead_jobs.handled_at is "
    "'When its dead-letter processor finished with it; the row stays.'",
    "create or replace function pgqueue.schema_version(out version integer, out oldest integer) "
    "language sql immutable parallel safe return (1, 1)",
)


def upgrade() -> None:
    """Add what dead-letter processors and the search for expired jobs need."""
    run(f"0002/{name}" for name in FILES)


def downgrade() -> None:
    """Drop what upgrade() created; dead letters stay, and parked ones are parked no more."""
    execute(DROPS)
    run(["0001/redrive.sql"])
