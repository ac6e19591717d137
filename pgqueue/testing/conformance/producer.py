"""What every producer does with a push, also one that runs the job at once."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from pgqueue.errors import PayloadError, UnsupportedOption
from pgqueue.producer import Producer
from pgqueue.queue import Queue
from pgqueue.sealing import WIRE_FORMAT_VERSION
from pgqueue.seam import JobProducer, Json
from pgqueue.testing.conformance.bench import QUEUE, Both


@dataclass(frozen=True)
class Note:
    """A typed payload."""

    text: str


NOTES = Queue(QUEUE, Note)


class Typed(Producer):
    """Typed pushes into any driver, also one that has nothing but its one method."""

    def __init__(self, driver: JobProducer) -> None:
        self._driver = driver

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> Any:
        """Hand it on."""
        return await self._driver.push_json(queue, payload, **options)


SEALED = [
    {"v": WIRE_FORMAT_VERSION, "payload": {"text": "a"}},
    {"v": WIRE_FORMAT_VERSION + 1, "payload": None, "baggage": "a=1"},
]
NO_JSON = {
    "object": object(),
    "nan": float("nan"),
    "infinity": [float("inf")],
    "number as key": {1: "a"},
    "nul": "nul \0",
    "half a character": {"half \ud800": 1},
    "endless number": 10**5000,
    "endless depth": json.loads("[" * 300 + "]" * 300),
}


class ProducerConformance:
    """What `push_json` has to do; the fixture `driver` gives a new driver.

    Jobs are pushed to the queue `conformance`: a driver that runs them at once needs a processor
    there that takes anything.
    """

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def driver(self) -> Any:
        """Give the driver that is tested."""
        raise NotImplementedError("override the fixture `driver`: return a new one, without jobs")

    async def test_every_push_is_a_job_of_its_own(self, driver: Both) -> None:
        ids = [await driver.push_json(QUEUE, {"text": "a"}) for _ in range(3)]
        assert len(set(ids)) == 3

    async def test_one_method_is_enough_for_typed_pushes(self, driver: Both) -> None:
        pushed = await Typed(driver).push(NOTES, Note("a"))
        more = await Typed(driver).push_many(NOTES, (Note(text) for text in "bc"))
        assert len({pushed, *more}) == 3

    async def test_a_queue_carries_its_own_type_only(self, driver: Both) -> None:
        wrong: Any = {"text": "a"}
        with pytest.raises(TypeError, match="carries Note, not dict"):
            await Typed(driver).push(NOTES, wrong)

    @pytest.mark.parametrize("value", SEALED, ids=["whole", "newer"])
    async def test_what_is_sealed_is_not_sealed_again(self, driver: Both, value: Any) -> None:
        with pytest.raises(PayloadError, match="already sealed"):
            await driver.push_json(QUEUE, value)
        with pytest.raises(PayloadError, match="already sealed"):
            await Typed(driver).push(QUEUE, value)

    @pytest.mark.parametrize("kind", NO_JSON)
    async def test_what_is_no_json_is_refused_by_queue_and_path(
        self, driver: Both, kind: str
    ) -> None:
        with pytest.raises(PayloadError, match=rf"{QUEUE}.*\$"):
            await driver.push_json(QUEUE, {"deep": [NO_JSON[kind]]})

    async def test_a_payload_above_the_limit_is_refused(self, driver: Both) -> None:
        with pytest.raises(PayloadError, match="bytes and the limit is"):
            await driver.push_json(QUEUE, "x" * driver.config.payload_max_bytes)

    async def test_an_unknown_option_is_refused_by_its_name(self, driver: Both) -> None:
        with pytest.raises(UnsupportedOption, match="retires"):
            await driver.push_json(QUEUE, 1, retires=3)
        with pytest.raises(UnsupportedOption, match="retires"):
            await Typed(driver).push(QUEUE, 1, retires=3)

    @pytest.mark.parametrize("name", ["", "a b", "-x", "x.dead", "ü", "x" * 200])
    async def test_a_name_that_names_no_queue_is_refused(self, driver: Both, name: str) -> None:
        with pytest.raises(ValueError, match="queue name"):
            await driver.push_json(name, 1)
