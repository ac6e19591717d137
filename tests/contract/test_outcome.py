"""What becomes of an attempt, as a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pgqueue import Abort, LeaseLost, Rejected, RetryAfter, Snooze, exponential
from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry, judge
from pgqueue.policy import Limits, Policy

LIMITS = Limits(attempts=3, backoff=exponential(10, jitter=0.5), timeout=None)
MINUTE = timedelta(minutes=1)


class Exotic(BaseException):
    """An exception that is no Exception."""


@pytest.mark.parametrize(
    ("error", "attempt", "outcome"),
    [
        (None, 1, Done()),
        (None, 3, Done()),
        (ValueError("x"), 1, Retry(timedelta(seconds=10), Failure("ValueError: x"))),
        (ValueError("x"), 2, Retry(timedelta(seconds=20), Failure("ValueError: x"))),
        (ValueError("x"), 3, Dead("exhausted", Failure("ValueError: x"))),
        (ValueError("x"), 4, Dead("exhausted", Failure("ValueError: x"))),
        (SystemExit(1), 1, Retry(timedelta(seconds=10), Failure("SystemExit: 1"))),
        (KeyboardInterrupt(), 1, Retry(timedelta(seconds=10), Failure("KeyboardInterrupt"))),
        (Exotic(), 3, Dead("exhausted", Failure("Exotic"))),
        (LeaseLost("x"), 1, Retry(timedelta(seconds=10), Failure("LeaseLost: x"))),
        (RetryAfter(MINUTE, "busy"), 1, Retry(MINUTE, Failure("RetryAfter: busy"))),
        (RetryAfter(MINUTE, "busy"), 3, Dead("exhausted", Failure("RetryAfter: busy"))),
        (Snooze(MINUTE), 1, Release(MINUTE)),
        (Snooze(MINUTE), 3, Release(MINUTE)),
        (Abort("no"), 1, Dead("aborted", Failure("Abort: no"))),
        (Rejected("v"), 1, Dead("rejected", Failure("Rejected: v"), counted=False)),
        (Rejected("v"), 3, Dead("rejected", Failure("Rejected: v"), counted=False)),
    ],
    ids=repr,
)
def test_the_error_and_the_policy_decide_the_outcome(
    error: BaseException | None, attempt: int, outcome: Outcome
) -> None:
    """D25: returning is success and raising is failure, whatever is raised."""
    assert without_traceback(judge(error, LIMITS, attempt=attempt, chance=0.0)) == outcome


LOSS = ConnectionError("lost")
GROUP = ExceptionGroup("both", [ConnectionResetError(), ValueError()])
LOSSES = ExceptionGroup("both", [ConnectionResetError(), ExceptionGroup("in", [LOSS])])


@pytest.mark.parametrize(
    ("said", "error", "word"),
    [
        ({"retry_on": ConnectionError}, LOSS, "retry"),
        ({"retry_on": ConnectionError}, ConnectionResetError(), "retry"),
        ({"retry_on": ConnectionError}, ValueError(), "aborted"),
        ({"retry_on": (ConnectionError, ValueError)}, ValueError(), "retry"),
        ({"retry_on": ConnectionError}, LOSSES, "retry"),
        ({"retry_on": ConnectionError}, GROUP, "aborted"),
        ({"retry_on": ExceptionGroup}, GROUP, "retry"),
        ({"fail_on": ConnectionError}, LOSS, "aborted"),
        ({"fail_on": ConnectionError}, ValueError(), "retry"),
        ({"fail_on": [SystemExit, ConnectionError]}, SystemExit(1), "aborted"),
        ({"fail_on": ConnectionResetError}, LOSSES, "aborted"),
        ({"retry_on": ConnectionError, "fail_on": ConnectionResetError}, LOSS, "retry"),
        (
            {"retry_on": ConnectionError, "fail_on": ConnectionResetError},
            ConnectionResetError(),
            "aborted",
        ),
        ({"retry_on": ConnectionError}, TimeoutError("it took longer than 1s"), "aborted"),
        ({"retry_on": ConnectionError}, RetryAfter(MINUTE), "retry"),
        ({"retry_on": ConnectionError}, Snooze(MINUTE), "released"),
        ({"retry_on": ConnectionError}, Rejected("v"), "rejected"),
        ({"fail_on": Exception}, RetryAfter(MINUTE), "retry"),
        ({"fail_on": Exception}, Snooze(MINUTE), "released"),
    ],
    ids=repr,
)
def test_a_processor_says_which_exceptions_are_retried(
    said: dict[str, Any], error: BaseException, word: str
) -> None:
    """B26: what is not of `retry_on`, or is of `fail_on`, is dead at once, but for verdicts."""
    assert word_of(judge(error, Policy.of(**said).over(LIMITS), attempt=1, chance=0.0)) == word


def word_of(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Dead) else WORDS[type(outcome)]


WORDS: dict[type, str] = {Retry: "retry", Release: "released", Done: "done"}
HOUR = 3600.0


@pytest.mark.parametrize(
    ("attempts", "attempt", "age", "error", "word"),
    [
        (None, 4, HOUR - 1, ValueError(), "retry"),
        (None, 30_000, HOUR - 1, ValueError(), "retry"),
        (None, 32_767, HOUR - 1, ValueError(), "exhausted"),
        (None, 1, HOUR, ValueError(), "exhausted"),
        (None, 1, HOUR, None, "done"),
        (None, 1, HOUR, RetryAfter(MINUTE), "exhausted"),
        (None, 1, HOUR, Snooze(MINUTE), "exhausted"),
        (2, 1, HOUR - 1, ValueError(), "retry"),
        (2, 2, HOUR - 1, ValueError(), "exhausted"),
        (2, 1, HOUR, ValueError(), "exhausted"),
    ],
)
def test_attempts_have_no_bound_but_the_time_that_was_said(
    attempts: int | None, attempt: int, age: float, error: BaseException | None, word: str
) -> None:
    """E12: unlimited attempts need an explicit `retry_until`; with attempts, the first counts."""
    limits = Policy.of(attempts=attempts, retry_until="1h").over(LIMITS)
    assert word_of(judge(error, limits, attempt=attempt, chance=0.0, age=age)) == word


def test_a_thousand_snoozes_in_a_row_are_a_failure() -> None:
    """M10: it counts as one, with the snooze's own delay, and the attempts bound it."""
    snooze = Snooze(MINUTE)
    assert judge(snooze, LIMITS, attempt=1, chance=0.0, snoozes=999) == Release(MINUTE)
    counted = judge(snooze, LIMITS, attempt=1, chance=0.0, snoozes=1000)
    assert without_traceback(counted) == Retry(MINUTE, Failure("Snooze: snooze for 1m"))
    assert word_of(judge(snooze, LIMITS, attempt=3, chance=0.0, snoozes=1000)) == "exhausted"


def without_traceback(outcome: Outcome) -> Outcome:
    match outcome:
        case Retry(delay, failure):
            return Retry(delay, Failure(failure.error))
        case Dead(reason, Failure(error), counted):
            return Dead(reason, Failure(error), counted)
        case other:
            return other


def test_what_can_never_be_read_spends_no_attempt() -> None:
    """B05, B06, F4: rejected at once, whatever attempts are left."""
    outcome = judge(Rejected("version 2"), LIMITS, attempt=1, chance=0.0)
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.counted) == ("rejected", False)


def test_the_dice_lengthen_the_wait_only() -> None:
    """E07: the jitter is a share of the delay, on top of it."""
    outcome = judge(ValueError(), LIMITS, attempt=1, chance=0.5)
    assert isinstance(outcome, Retry)
    assert outcome.delay == timedelta(seconds=12.5)


def test_a_failure_keeps_the_error_and_its_traceback_but_no_local_variable() -> None:
    """E11: what is kept with a job must not hold its payload."""

    def handler(payload: str) -> None:
        raise LookupError("no such user")

    try:
        handler("hunter2")
    except LookupError as error:
        failure = Failure.of(error)
    assert failure.error == "LookupError: no such user"
    assert "in handler" in failure.traceback
    assert "hunter2" not in failure.traceback.replace('handler("hunter2")', "")


class Vain(type):
    """A metaclass that answers no question about its class."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class Nameless(Exception, metaclass=Vain):
    """An exception whose type cannot be asked for its name."""


class Mute(Exception):
    """An exception that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("a\0b"), "ValueError: a\ufffdb"),
        (ValueError("half \ud800"), "ValueError: half \\ud800"),
        (ValueError(), "ValueError"),
        (Mute(), "Mute (its message cannot be shown)"),
        (Nameless("x"), "Nameless: x"),
    ],
)
def test_a_failure_can_always_be_stored(error: Exception, shown: str) -> None:
    """M52, M53: our own writes replace what a text column cannot hold."""
    failure = Failure.of(error)
    assert failure.error == shown
    assert "\0" not in failure.traceback


@pytest.mark.parametrize("text", ["x" * 10**6, "é" * 10**6])
def test_a_long_failure_keeps_its_head_and_its_tail(text: Any) -> None:
    failure = Failure.of(ValueError(f"begin {text} end"))
    assert failure.error.startswith("ValueError: begin")
    assert failure.error.endswith(" end")
    assert "characters left out" in failure.error
    assert len(failure.error) < 17_000
    assert len(failure.traceback) < 17_000
