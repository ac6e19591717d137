"""The first schema: jobs, their dead letters, and the functions that push and redrive."""

from pgqueue_migrations.statements import execute, run

revision = "pgq_0001"
down_revision = None
branch_labels = ("pgqueue",)
depends_on = None

FILES = (
    "schema.sql",
    "functions.sql",
    "domains.sql",
    "jobs.sql",
    "scheduled_jobs.sql",
    "dead_jobs.sql",
    "archived_jobs.sql",
    "unique_keys.sql",
    "queues.sql",
    "schedules.sql",
    "workers.sql",
    "subscriptions.sql",
    "all_jobs.sql",
    "check_push.sql",
    "push.sql",
    "subscribe.sql",
    "publish.sql",
    "redrive.sql",
)

DROPS = (
    "drop function pgqueue.publish, pgqueue.subscribe, pgqueue.unsubscribe",
    "drop function pgqueue.push, pgqueue.redrive, pgqueue.check_push",
    "drop view pgqueue.all_jobs",
    "drop table pgqueue.subscriptions",
    "drop table pgqueue.workers, pgqueue.schedules, pgqueue.queues, pgqueue.unique_keys",
    "drop table pgqueue.archived_jobs, pgqueue.dead_jobs, pgqueue.scheduled_jobs, pgqueue.jobs",
    "drop sequence pgqueue.positions",
    "drop domain pgqueue.name, pgqueue.priority, pgqueue.attempts, pgqueue.moment",
    "drop domain pgqueue.patience, pgqueue.backoff, pgqueue.envelope, pgqueue.failures",
    "drop function pgqueue.ring, pgqueue.bell, pgqueue.append_failure",
    "drop function pgqueue.valid_name, pgqueue.schema_version, pgqueue.wire_format_version",
    "comment on schema pgqueue is null",
)


def upgrade() -> None:
    """Create the schema unless it is there, and everything in it."""
    run(["create_schema.sql", *(f"0001/{name}" for name in FILES)])


def downgrade() -> None:
    """Drop what upgrade() created, jobs and dead letters included; the schema itself stays."""
    execute(DROPS)
