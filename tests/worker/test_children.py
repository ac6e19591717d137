"""Handlers in processes of their own: what kills one costs one process and one attempt."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pgqueue import Job, Postgres, Sync, Worker
from pgqueue.worker.children import _Child
from tests.worker.apart import LATER, LIMITED, ONCE, ORDERS, PLAIN, Order, processors
from tests.worker.processes import process
from tests.worker.running import Connection, census, drained, eventually, one, running

LAST = "select reason, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs"
TRACE = "select failures -> -1 ->> 'traceback' from pgqueue.dead_jobs"


def text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def lives(pid: int) -> bool:
    """Return whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("queue", [ORDERS, LATER])
async def test_a_handler_runs_in_another_process_and_knows_its_job(
    pg: Postgres, conn: Connection, tmp_path: Path, queue: Any
) -> None:
    """A28: plain and async, with current_job(); what one job sets the next one does not see."""
    file = tmp_path / "written"
    jobs = pg.push_many(queue, [Order("write", str(file))] * 3, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    lines = [line.split() for line in text(file).splitlines()]
    assert [(int(job), attempt, user) for job, attempt, _, user in lines] == [
        (job, "1", "nobody") for job in jobs
    ]
    pids = {int(pid) for _, _, pid, _ in lines}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert census(conn) == {}


async def test_a_handler_may_take_the_payload_alone(
    pg: Postgres, conn: Connection, tmp_path: Path
) -> None:
    """B23: it gets the decoded type, as everywhere."""
    job = pg.push(PLAIN, Order("payload", str(tmp_path / "file")), on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert text(tmp_path / "file") == f"payload {job}"


@pytest.mark.parametrize(
    ("word", "how"),
    [
        ("segfault", "its process was killed by SIGSEGV"),
        ("kill", "its process was killed by SIGKILL"),
        ("exit", "its process ended with exit code 3"),
    ],
)
async def test_the_death_of_a_process_costs_one_attempt_and_no_other_job(
    pg: Postgres, conn: Connection, tmp_path: Path, word: str, how: str
) -> None:
    """A26, F3, M01: it is a failure that says how it died; the jobs beside and after it run on."""
    beside = tmp_path / "beside"
    pg.push(ORDERS, Order("until", str(beside)), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=2)):
        await eventually(beside.exists, True)
        pg.push(ORDERS, Order(word), on=conn)
        await eventually(lambda: census(conn), {"leased": 1, "dead": 1})
        assert one(conn, LAST) == ("exhausted", 2, f"ChildDied: {how}")
        pg.push(ORDERS, Order("write", str(tmp_path / "after")), on=conn)
        await eventually(lambda: census(conn), {"leased": 1, "dead": 1})
        (tmp_path / "beside.go").touch()
        await drained(conn)
    assert text(tmp_path / "after")


async def test_a_process_is_killed_at_its_timeout(
    pg: Postgres, conn: Connection, tmp_path: Path
) -> None:
    """C37, M13: whatever it does, it is gone when the attempt is over, and its job is dead."""
    file = tmp_path / "pid"
    pg.push(LIMITED, Order("wait", str(file)), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
        assert not lives(int(text(file)))
    assert one(conn, LAST) == ("exhausted", 1, "TimeoutError: it took longer than 3s")


async def test_the_start_of_a_process_is_not_on_its_first_jobs_time(
    pg: Postgres, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C37: a process may take longer to start than a job may take."""
    start = _Child.start

    async def slowly() -> _Child:
        await asyncio.sleep(4)
        return await start()

    monkeypatch.setattr(_Child, "start", slowly)
    pg.push(LIMITED, Order("write", str(tmp_path / "file")), on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert text(tmp_path / "file")
    assert census(conn) == {}


async def test_code_that_holds_the_interpreter_costs_no_lease(
    pg: Postgres, conn: Connection, tmp_path: Path
) -> None:
    """M12, P3: a regular expression backtracks for ever, for three leases: its job runs once."""
    file = tmp_path / "pid"
    pg.push(ORDERS, Order("backtrack", str(file)), on=conn)
    late = "select visible_at - interval '2 s' - pushed_at > interval '6 s' from pgqueue.jobs"
    async with running(Worker(pg, include=[processors])) as task:
        await eventually(lambda: text(file) != "", True)
        await eventually(lambda: one(conn, late), True)
        assert one(conn, "select attempt, failures from pgqueue.jobs") == (1, None)
        pid = int(text(file))
        task.cancel()
    assert not lives(pid)
    assert census(conn) == {"ready": 1}


async def test_a_process_is_replaced_after_so_many_jobs(
    pg: Postgres, conn: Connection, tmp_path: Path
) -> None:
    """M18: what a handler leaks is gone after `recycle` of its jobs."""
    file = tmp_path / "written"
    pg.push_many(ONCE, [Order("write", str(file))] * 5, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    pids = [line.split()[2] for line in text(file).splitlines()]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]


@pytest.mark.parametrize("word", ["transaction", "connection"])
async def test_the_workers_connections_stay_in_the_worker(
    pg: Postgres, conn: Connection, word: str
) -> None:
    """A27: refused, with what to do instead."""
    pg.push(ORDERS, Order(word), on=conn, attempts=1)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    error = one(conn, LAST)[2]
    assert error.startswith(f"UnsupportedOption: job.{word}() is not there in a processor with run")
    assert "open one of your own" in error


async def test_a_stopping_worker_lets_the_handler_know_and_finish(
    pg: Postgres, conn: Connection, tmp_path: Path
) -> None:
    """B21: `job.stopping` is set in the process as well."""
    file = tmp_path / "pid"
    pg.push(ORDERS, Order("heed", str(file)), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: text(file) != "", True)
    assert text(file) == "heeded"
    assert census(conn) == {}


async def test_middleware_and_contexts_stay_with_the_worker(pg: Postgres, conn: Connection) -> None:
    """B25: they surround the handler in the worker's process, and see what it raised."""
    seen: list[Any] = []

    @asynccontextmanager
    async def context(job: Job[Any]) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            seen.append((os.getpid(), type(error)))
            raise

    async def middleware(job: Job[Any], call_next: Any) -> None:
        try:
            await call_next()
        finally:
            seen.append((os.getpid(), "middleware"))

    pg.push(ORDERS, Order("ValueError"), on=conn, attempts=1)
    worker = Worker(pg, include=[processors], context=[context], middleware=[middleware])
    async with running(worker):
        await eventually(lambda: census(conn), {"dead": 1})
    assert seen == [(os.getpid(), ValueError), (os.getpid(), "middleware")]


async def test_sync_runs_it_in_a_process_as_well(tmp_path: Path) -> None:
    """C03: nothing is different but the driver."""
    sync = Sync()
    Worker(sync, include=[processors])
    await sync.push(ORDERS, Order("write", str(tmp_path / "file")))
    assert int(text(tmp_path / "file").split()[2]) != os.getpid()
    with pytest.raises(ValueError, match="no more"):
        await sync.push(ORDERS, Order("ValueError"))


async def test_a_signal_to_the_processes_does_not_end_them(
    pg: Postgres, conn: Connection, tmp_path: Path
) -> None:
    """C18: the terminal's Ctrl-C reaches the whole group; what runs may finish all the same."""
    file = tmp_path / "pid"
    pg.push(ORDERS, Order("until", str(file)), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: text(file) != "", True)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(int(text(file)), number)
        (tmp_path / "pid.go").touch()
        await drained(conn)
    assert census(conn) == {}


async def test_no_process_outlives_its_worker(
    pg: Postgres, dsn: str, conn: Connection, tmp_path: Path
) -> None:
    """M01, M12: the worker is killed -9 while C code of a handler holds the interpreter."""
    file = tmp_path / "pid"
    pg.push(ORDERS, Order("backtrack", str(file)), on=conn)
    with process(dsn, "apart") as worker:
        await eventually(lambda: text(file) != "", True)
        worker.kill()
        await asyncio.to_thread(worker.wait, 30)
        await eventually(lambda: lives(int(text(file))), False)


async def test_a_signal_to_the_whole_group_drains_the_worker_and_its_processes(
    pg: Postgres, dsn: str, conn: Connection, tmp_path: Path
) -> None:
    """C18, M16: what runs in a process finishes, and the process ends after it."""
    file = tmp_path / "pid"
    pg.push(ORDERS, Order("heed", str(file)), on=conn)
    with process(dsn, "apart", start_new_session=True) as worker:
        await eventually(lambda: text(file).isdigit(), True)
        pid = int(text(file))
        os.killpg(worker.pid, signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 30) == 0
    assert text(file) == "heeded"
    assert census(conn) == {}
    await eventually(lambda: lives(pid), False)
