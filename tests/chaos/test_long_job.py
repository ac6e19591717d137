"""A job may take longer than its lease, whatever it does to the event loop."""

from __future__ import annotations

from tests.chaos.long_job import long_job
from tests.chaos.workers import Workers


async def test_a_job_of_four_leases_that_blocks_its_loop_runs_once(workers: Workers) -> None:
    """K07, M05, M11, P3: its worker keeps the lease, says once that the loop stands still, and an
    idle worker beside it finds nothing to do."""
    report = await long_job(workers, seconds=12, lease=3)
    assert report.held, report
    assert report.took >= 12
    assert report.extended >= 4
    assert report.reported == 1
    logs = [worker.printed for worker in workers.started]
    assert any("time.sleep(job.payload)" in log and "in block" in log for log in logs)
    assert not any("LeaseLost" in log for log in logs)
