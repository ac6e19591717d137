"""`Processors`: what is declared, what is reachable, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from pgqueue import ConfigError, Job, Processors, Queue, RegistrationError
from pgqueue.processor import Processor


@dataclass(frozen=True)
class Transcode:
    file: str


@dataclass(frozen=True)
class Other:
    file: str


AUDIO = Queue("audio", Transcode)


async def takes_payload(job: Transcode) -> None: ...
def takes_job(job: Job[Transcode]) -> None: ...
def takes_any_job(job: Job) -> None: ...  # type: ignore[type-arg]
def takes_anything(job) -> None: ...  # type: ignore[no-untyped-def]
def takes_other(job: Other) -> None: ...
def takes_job_of_other(job: Job[Other]) -> None: ...
def takes_nothing() -> None: ...
def takes_two(job: Any, other: Any) -> None: ...
def takes_by_name(*, job: Any) -> None: ...
def takes_one_and_a_default(job: Transcode, again: bool = False) -> None: ...
def yields(job: Any) -> Iterator[Any]:
    yield job


def registered(handler: Callable[..., Any], queue: Queue[Any] | str = AUDIO) -> Processor:
    processors = Processors()
    processors.process(queue)(handler)
    (processor,) = processors
    return processor


@pytest.mark.parametrize(
    ("handler", "job", "on_loop"),
    [
        (takes_payload, False, True),
        (takes_job, True, False),
        (takes_any_job, True, False),
        (takes_anything, False, False),
        (takes_one_and_a_default, False, False),
    ],
)
def test_a_handler_takes_the_payload_or_the_job(
    handler: Callable[..., Any], job: bool, on_loop: bool
) -> None:
    """E05: the annotation says which; without one the queue's type is what it gets."""
    processor = registered(handler)
    assert (processor.takes_job, processor.is_async) == (job, on_loop)
    assert processor.codec.decode(b'{"file":"a"}') == Transcode("a")


def test_a_job_tells_what_an_idempotent_handler_needs() -> None:
    """E05, B40: identity, address, payload and counters."""
    fields = set(Job.__dataclass_fields__)
    assert fields >= {"id", "queue", "name", "payload", "attempt", "max_attempts", "pushed_at"}


def test_the_decorator_gives_the_function_back() -> None:
    assert Processors().process(AUDIO)(takes_payload) is takes_payload


@pytest.mark.parametrize("handler", [takes_other, takes_job_of_other])
def test_a_handler_of_another_type_is_refused_naming_both(handler: Callable[..., Any]) -> None:
    """A17: one artifact, shared by both sides."""
    with pytest.raises(
        RegistrationError,
        match=r"test_processor\.takes_\w+ takes Other, but queue 'audio' .* Trans",
    ):
        registered(handler)


def test_a_bare_name_takes_any_handler() -> None:
    """A17: the dynamic way out."""
    processor = registered(takes_other, "audio")
    assert processor.queue == "audio"
    assert processor.codec.decode(b'{"file":"a"}') == Other("a")


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (takes_nothing, "cannot be called with one argument"),
        (takes_two, "missing a required argument: 'other'"),
        (takes_by_name, "cannot be called with one argument"),
        (yields, "yields, so calling it runs nothing"),
        (partial(takes_two, 1), "is no function"),
    ],
)
def test_what_could_not_be_called_with_a_job_is_refused_at_once(
    handler: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(RegistrationError, match=reason):
        registered(handler)


def test_a_type_that_is_not_there_yet_is_named() -> None:
    def early(job: "Later") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037

    with pytest.raises(RegistrationError, match=r"early: the annotation of 'job' .*'Later' is not"):
        registered(early)


@pytest.mark.parametrize(
    "settings", [{"concurrency": 0}, {"attempts": 0}, {"retries": 1, "attempts": 1}], ids=repr
)
def test_a_setting_that_cannot_be_is_refused_at_the_declaration(settings: dict[str, Any]) -> None:
    """E12: not when the first job fails."""
    with pytest.raises(ConfigError):
        Processors().process(AUDIO, **settings)


def test_a_name_that_cannot_be_is_refused_at_the_declaration() -> None:
    """D27: the same rule as at the push."""
    with pytest.raises(ValueError, match="job name 'a b' is not usable"):
        Processors().process(AUDIO, name="a b")(takes_payload)
