"""A worker without a free slot completes jobs with the statement that claims the next ones."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from pgqueue import Job, Postgres, Processors, Worker
from pgqueue.worker.until import Until
from tests.worker.exchanges import Asked, listen
from tests.worker.gauge import Gauge
from tests.worker.running import Connection, census, drained, one, running, soon

JOBS = 40


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the worker's source is asked."""
    return listen(monkeypatch)


@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_a_saturated_worker_writes_most_outcomes_with_its_claims(
    pg: Postgres, processors: Processors, conn: Connection, asked: Asked, concurrency: int
) -> None:
    """A06: each job is leased once and written once, by one of the two, in its slot."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(payload: int) -> None:
        ran.append(payload)

    pg.push_many("audio", range(JOBS), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=concurrency)):
        await drained(conn)
    assert sorted(ran) == [*range(JOBS)]
    assert sorted(asked.exchanged + asked.settled) == sorted(asked.leased)
    assert len(set(asked.leased)) == len(asked.leased) == JOBS
    assert len(asked.exchanged) > len(asked.settled)
    assert asked.most <= concurrency


async def test_other_outcomes_are_the_settlers(
    pg: Postgres, processors: Processors, conn: Connection, asked: Asked
) -> None:
    """A failed attempt among completed ones costs neither its backoff nor its attempts."""
    ran: Counter[int] = Counter()

    @processors.process("audio", attempts=3)
    async def run(job: Job[int]) -> None:
        ran[job.payload] += 1
        if job.payload % 4 == 0 and job.attempt < 3:
            raise ValueError(job.payload)

    pg.push_many("audio", range(JOBS), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=2)):
        await drained(conn)
    assert ran == {number: 1 if number % 4 else 3 for number in range(JOBS)}
    assert one(conn, "select count(*) from pgqueue.dead_jobs") == 0
    assert len(set(asked.exchanged)) == len(asked.exchanged) > 0
    assert set(asked.exchanged) & {*asked.settled} <= {*failing(asked)}


def failing(asked: Asked) -> list[int]:
    """Return the jobs that were leased more than once."""
    return [job for job, times in Counter(asked.leased).items() if times > 1]


async def test_a_processors_own_slots_are_never_one_too_few(
    pg: Postgres, processors: Processors, conn: Connection, asked: Asked
) -> None:
    """A05, F11: those that leave make room at their own processor, and at no other."""
    gauges = {"audio": Gauge(), "video": Gauge()}

    @processors.process("audio", concurrency=1)
    async def play(payload: int) -> None:
        await gauges["audio"].hold(payload)

    @processors.process("video", concurrency=3)
    async def show(payload: int) -> None:
        await gauges["video"].hold(payload)

    for queue, gauge in gauges.items():
        pg.push_many(queue, range(JOBS), on=conn)
        for _ in range(JOBS):
            gauge.leave.release()
    async with running(Worker(pg, include=[processors], concurrency=3)):
        await drained(conn)
    assert [gauge.entered.qsize() for gauge in gauges.values()] == [JOBS, JOBS]
    assert gauges["audio"].peak == 1
    assert gauges["video"].peak <= 3
    assert asked.most <= 3
    assert asked.exchanged


async def test_the_first_queue_is_emptied_before_the_second(
    pg: Postgres, processors: Processors, conn: Connection, asked: Asked
) -> None:
    """C11: a strict worker's exchanges keep the order."""
    ran: list[str] = []

    @processors.process("audio")
    async def play(payload: int) -> None:
        ran.append("audio")

    @processors.process("video")
    async def show(payload: int) -> None:
        ran.append("video")

    for queue in ("video", "audio"):
        pg.push_many(queue, range(JOBS // 2), on=conn)
    queues = ["audio", "video"]
    async with running(Worker(pg, include=[processors], queues=queues, concurrency=1)):
        await drained(conn)
    assert ran == ["audio"] * (JOBS // 2) + ["video"] * (JOBS // 2)
    assert asked.exchanged


@pytest.mark.parametrize("queues", [None, ["audio.dead", "audio"], ["audio", "audio.dead"]])
async def test_dead_letters_beside_living_jobs_get_their_turn(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    asked: Asked,
    queues: list[str] | None,
) -> None:
    """An exchange asks for none of them, a claim does."""
    ran: Counter[int] = Counter()
    mourned: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio", attempts=1)
    async def play(job: Job[int]) -> None:
        ran[job.payload] += 1
        if job.payload % 4 == 0:
            raise ValueError(job.payload)

    @processors.process("audio.dead")
    async def mourn(job: Job[int]) -> None:
        mourned.put_nowait(job.payload)

    pg.push_many("audio", range(JOBS), on=conn)
    async with running(Worker(pg, include=[processors], queues=queues, concurrency=1)):
        letters = [await soon(mourned.get()) for _ in range(JOBS // 4)]
        await drained(conn)
    assert sorted(letters) == [*range(0, JOBS, 4)]
    assert ran == Counter(range(JOBS))
    assert mourned.empty()
    assert bool(asked.exchanged) is (queues != ["audio.dead", "audio"])


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_worker_until_so_many_jobs_claims_no_more(
    pg: Postgres, processors: Processors, conn: Connection, asked: Asked, concurrency: int
) -> None:
    """C40: the slots that completed jobs leave are not filled beyond that."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(payload: int) -> None:
        ran.append(payload)

    pg.push_many("audio", range(JOBS), on=conn)
    worker = Worker(pg, include=[processors], concurrency=concurrency)
    await soon(worker.run(Until(jobs=13)))
    assert sorted(ran) == [*range(13)]
    assert len(asked.leased) == 13
    assert census(conn) == {"ready": JOBS - 13}
    assert asked.exchanged


async def test_a_worker_until_nothing_is_left_completes_what_it_ran(
    pg: Postgres, processors: Processors, conn: Connection, asked: Asked
) -> None:
    """C40, E09: an exchange that finds nothing does not end it, nor does it hide what is left."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(payload: int) -> None:
        ran.append(payload)

    pg.push_many("audio", range(JOBS), on=conn)
    await soon(Worker(pg, include=[processors], concurrency=2).run(Until(empty=True)))
    assert (sorted(ran), census(conn)) == ([*range(JOBS)], {})
    assert asked.exchanged
