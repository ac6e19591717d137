"""Names: which processor takes which job, under old names too, and when there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, RegistrationError, Snooze, Worker
from pgqueue.processor import reachable
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

WAITING = """
select extract(epoch from run_at - now())::float8, attempt, failures
from pgqueue.scheduled_jobs"""
AGE = """
update pgqueue.scheduled_jobs
set run_at = now(), failures = jsonb_set(failures, '{-1,unwanted}',
  to_jsonb(extract(epoch from now() - %s::interval)))"""


async def test_the_exact_name_comes_before_the_catch_all_which_sees_the_name(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """E04, C19: where a handler is registered decides what comes to it, not how it is called."""
    seen: list[tuple[str, str | None]] = []

    @processors.process("email", name="welcome")
    async def reset(job: Job[None]) -> None:
        seen.append(("named", job.name))

    @processors.process("email")
    async def welcome(job: Job[None]) -> None:
        seen.append(("catch-all", job.name))

    for name in ("welcome", "reset", None):
        pg.push("email", None, on=conn, name=name)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert seen == [("named", "welcome"), ("catch-all", "reset"), ("catch-all", None)]


async def test_jobs_find_a_processor_that_was_moved_and_renamed(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C20: addresses are spelled out, never a Python path; an alias serves the earlier name."""
    seen: list[str | None] = []

    @processors.process("email", name="greeting", aliases=["welcome", "hello"])
    async def renamed(job: Job[None]) -> None:
        seen.append(job.name)

    @processors.process("email")
    async def any_other(job: Job[None]) -> None:
        raise AssertionError(f"{job.name} is not for the catch-all")

    for name in ("welcome", "hello", "greeting"):
        pg.push("email", None, on=conn, name=name)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert seen == ["welcome", "hello", "greeting"]


async def test_aliases_share_the_slots_of_their_processor(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C20: an earlier name is the same processor, and gives it no second concurrency."""
    entered: list[str | None] = []
    go, beside = asyncio.Event(), asyncio.Queue[int]()

    @processors.process("email", name="new", aliases=["old"], concurrency=1)
    async def hold(job: Job[None]) -> None:
        entered.append(job.name)
        await go.wait()

    @processors.process("beside")
    async def run(payload: int) -> None:
        beside.put_nowait(payload)

    pg.push("email", None, on=conn, name="old")
    pg.push("email", None, on=conn, name="new")
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: entered, ["old"])
        for n in range(4):  # each of them is a claim, in which the other name had its chance
            pg.push("beside", n, on=conn)
            assert await soon(beside.get()) == n
        assert entered == ["old"]
        go.set()
        await drained(conn)
    assert entered == ["old", "new"]


async def again(payload: None) -> None: ...


async def other(payload: None) -> None: ...


def test_an_alias_that_is_another_processors_name_is_refused_naming_both() -> None:
    """C20: jobs of that name could go to either."""
    processors = Processors()
    processors.process("email", name="new", aliases=["old"])(again)
    processors.process("email", name="old")(other)
    with pytest.raises(
        RegistrationError, match=r"two processors for email/old: \S+again and \S+ot"
    ):
        reachable([processors])


@pytest.mark.parametrize(
    ("aliases", "error"), [("old", TypeError), (["no name!"], ValueError), ([""], ValueError)]
)
def test_aliases_are_names_in_a_list(aliases: Any, error: type[Exception]) -> None:
    """C20: a text is a sequence as well, of letters that nobody meant."""
    with pytest.raises(error, match=r"aliases is the text 'old'|job name"):
        Processors().process("email", name="new", aliases=aliases)


def knowing(name: str, *, snooze: bool = False) -> Processors:
    processors = Processors()

    @processors.process("audio", name=name, retries=0)
    async def run(job: Job[None]) -> None:
        if snooze:
            raise Snooze("48h")
        assert job.attempt == 1

    return processors


async def waits(pg: Postgres, conn: Connection) -> float:
    """Let a worker that does not know the name look at the job; return how long it waits then."""
    before = conn.execute("select run_at from pgqueue.scheduled_jobs").fetchone()
    async with running(Worker(pg, include=[knowing("another")])):
        await eventually(lambda: census(conn).get("scheduled"), 1)
        changed = "select run_at is distinct from %s from pgqueue.scheduled_jobs"
        await eventually(lambda: one(conn, changed, before and before[0]), True)
    seconds, attempt, failures = one(conn, WAITING)
    assert attempt == 0
    assert len(failures) == 1
    return float(seconds)


async def test_a_job_of_unknown_name_is_looked_at_less_and_less_often(
    pg: Postgres, conn: Connection
) -> None:
    """C21, F10: half of its waiting so far, 5 s to 10 min; uncounted, with one note in all."""
    pg.push("audio", None, on=conn, name="later", attempts=1)
    assert await waits(pg, conn) == pytest.approx(5, abs=1)
    for age, wait in (("2 s", 5), ("1 min", 30), ("10 min", 300), ("20 min", 600), ("23 h", 600)):
        conn.execute(AGE, [age])
        assert await waits(pg, conn) == pytest.approx(wait, abs=2)
    conn.execute("update pgqueue.scheduled_jobs set run_at = now()")
    async with running(Worker(pg, include=[knowing("later")])):
        await drained(conn)
    assert census(conn) == {}


async def test_after_a_day_it_is_dead_and_a_redrive_starts_anew(
    pg: Postgres, conn: Connection
) -> None:
    """C21, F10: rejected, naming what is missing; redriven it waits, and runs when it is known."""
    pg.push("audio", None, on=conn, name="later")
    await waits(pg, conn)
    conn.execute(AGE, ["1 day 1 min"])
    async with running(Worker(pg, include=[knowing("another")])):
        await eventually(lambda: census(conn), {"dead": 1})
    found = one(conn, "select reason, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs")
    missing = "no worker has a processor for audio, name later"
    assert found == ("rejected", 0, f"{missing}, for a day; deploy one and redrive")
    conn.execute("select pgqueue.redrive(id) from pgqueue.dead_jobs")
    async with running(Worker(pg, include=[knowing("another")])):
        await eventually(lambda: census(conn), {"scheduled": 1})
    seconds, attempt, failures = one(conn, WAITING)
    assert (seconds, attempt) == (pytest.approx(5, abs=1), 0)
    assert failures[-1]["error"] == f"{missing}; it waits for one"
    conn.execute("update pgqueue.scheduled_jobs set run_at = now()")
    async with running(Worker(pg, include=[knowing("later")])):
        await drained(conn)
    assert census(conn) == {}


async def test_a_handlers_own_snooze_is_no_wait_for_a_processor(
    pg: Postgres, conn: Connection
) -> None:
    """C21: found by its processor in between, it is not dead a day later, but waits anew."""
    pg.push("audio", None, on=conn, name="later")
    await waits(pg, conn)
    conn.execute(AGE, ["23 h"])
    async with running(Worker(pg, include=[knowing("later", snooze=True)])):
        far = "select run_at > now() + interval '47 h' from pgqueue.scheduled_jobs"
        await eventually(lambda: one(conn, far), True)
    assert "unwanted" not in one(conn, WAITING)[2][-1]
    conn.execute("update pgqueue.scheduled_jobs set run_at = now()")
    async with running(Worker(pg, include=[knowing("another")])):
        await eventually(lambda: (one(conn, WAITING) or [99])[0] < 6, True)
    assert [bool(one.get("unwanted")) for one in one(conn, WAITING)[2]] == [False, False, True]
