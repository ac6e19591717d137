"""Who decides about attempts, backoff and timeout, and how attempts are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgqueue import Backoff, Config, ConfigError, Processors, Queue, Rejected, exponential, fixed
from pgqueue.outcome import Dead, Retry, judge
from pgqueue.policy import MAX_ATTEMPTS, Limits, Policy
from pgqueue.processor import reachable
from pgqueue.seam import Delivery
from pgqueue.worker.attempt import Attempt, declared, in_force

CONFIG = Config.load(env=False, dsn="postgresql://db/app")
CONFIGURED = Limits(attempts=CONFIG.attempts, backoff=fixed(9), timeout=None)


def waits(policy: Policy) -> list[float]:
    """Run a job that always fails until it is dead; return the waits between its runs."""
    limits = policy.over(CONFIGURED)
    found: list[float] = []
    for attempt in range(1, 100):
        outcome = judge(ValueError("no"), limits, attempt=attempt, chance=0.0)
        if not isinstance(outcome, Retry):
            assert isinstance(outcome, Dead)
            assert outcome.reason == "exhausted"
            break
        found.append(outcome.delay.total_seconds())
    return found


@pytest.mark.parametrize(
    ("policy", "runs"),
    [
        (Policy.of(retries=3), 4),
        (Policy.of(retries=0), 1),
        (Policy.of(attempts=3), 3),
        (Policy.of(attempts=1), 1),
        (Policy.of(), 5),
    ],
)
def test_retries_are_runs_after_the_first_and_attempts_are_all(policy: Policy, runs: int) -> None:
    """F1, A07, A08, D16: a job that always fails runs this often and is dead."""
    assert len(waits(policy)) + 1 == runs


def test_tries_with_an_exponential_backoff_die_after_the_last_of_them() -> None:
    """C36, E07: three runs, and a wait before the second and the third."""
    assert waits(Policy.of(attempts=3, backoff=exponential(2, jitter=0))) == [2, 4]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"attempts": 0}, r"^attempts is 0; give a whole number, 1 to 32767"),
        ({"attempts": -1}, "^attempts is -1; "),
        ({"retry_on": ()}, r"^retry_on is \(\); give types of exceptions"),
        ({"retry_on": "ValueError"}, "^retry_on is 'ValueError'; "),
        ({"fail_on": int}, "^fail_on is <class 'int'>; "),
        ({"fail_on": [ValueError, 5]}, "^fail_on is .*; give types"),
        ({"retry_until": "0s"}, "^retry_until"),
        ({"attempts": MAX_ATTEMPTS + 1}, "^attempts is 32768; "),
        ({"attempts": 2.5}, r"^attempts is 2\.5; "),
        ({"attempts": True}, "^attempts is True; "),
        ({"attempts": "3"}, "^attempts is '3'; "),
        ({"retries": -1}, "^retries is -1; give a whole number, 0 to 32766"),
        ({"retries": MAX_ATTEMPTS}, "^retries is 32767; "),
        ({"retries": "3"}, "^retries is '3'; "),
        ({"attempts": 4, "retries": 3}, "^attempts is 4 and retries is 3: give one of them"),
        ({"backoff": "fixed(3s)"}, r"^backoff is 'fixed\(3s\)'; give fixed\(\), "),
        ({"backoff": 3}, "^backoff is 3; give "),
        ({"timeout": 0}, "^timeout is 0:00:00; give more than 0"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_naming_the_field(
    said: dict[str, Any], reason: str
) -> None:
    """E12: the number of runs is finite, and at least one."""
    with pytest.raises(ConfigError, match=reason):
        Policy.of(**said)


def test_the_configured_number_of_runs_is_finite() -> None:
    """E12: nothing retries for ever because nobody said otherwise."""
    assert CONFIG.attempts == 5


def test_a_timeout_takes_every_form_of_a_duration() -> None:
    assert Policy.of(timeout="1m30s").timeout == timedelta(seconds=90)
    with pytest.raises(ValueError, match=r"^timeout: 'soon' is not a duration"):
        Policy.of(timeout="soon")


def test_a_policy_speaks_field_by_field() -> None:
    """E06: what one says nothing about is left to the next in line."""
    limits = Policy.of(attempts=2).over(CONFIGURED)
    assert limits == Limits(attempts=2, backoff=fixed(9), timeout=None)
    assert Policy.of(timeout=5).over(limits).timeout == timedelta(seconds=5)
    assert Policy().over(limits) == limits


def attempt(*, pushed: dict[str, Any], processor: dict[str, Any]) -> Attempt:
    """An attempt at a job whose push and whose processor said these things."""
    processors = Processors()
    processors.process("email", **processor)(lambda payload: None)
    (registered,) = reachable([processors]).values()
    delivery = Delivery(
        id=1,
        token=1,
        queue="email",
        name=None,
        priority=5,
        position=1,
        attempt=1,
        envelope='{"v":1,"payload":null}',
        pushed_at=datetime.now(UTC),
        expired=False,
        lost=False,
        **{"max_attempts": None, "backoff": None, "timeout": None} | pushed,
    )
    return Attempt(delivery, registered)


def limits_of(attempt: Attempt) -> Limits:
    """The policy that a worker goes by."""
    assert attempt.processor is not None
    registry = {attempt.processor.address: attempt.processor}
    return in_force(attempt.delivery, declared(registry, lambda queue: CONFIGURED)(attempt))


def test_the_pushs_word_counts_before_the_processors_and_that_before_the_settings() -> None:
    """F2, E06, E07: attempts and backoff at the push override the processor's."""
    said = {"attempts": 7, "backoff": fixed(7), "timeout": 7}
    quiet = attempt(pushed={}, processor={})
    named = attempt(pushed={}, processor=said)
    one = attempt(pushed={"max_attempts": 3}, processor=said)
    pushed = {"max_attempts": 3, "backoff": '{"first":5,"factor":2}', "timeout": 2.5}
    every = attempt(pushed=pushed, processor=said)
    seven = timedelta(seconds=7)
    assert limits_of(quiet) == CONFIGURED
    assert limits_of(named) == Limits(attempts=7, backoff=fixed(7), timeout=seven)
    assert limits_of(one) == Limits(attempts=3, backoff=fixed(7), timeout=seven)
    assert limits_of(every) == Limits(
        attempts=3,
        backoff=Backoff(first=timedelta(seconds=5), factor=2),
        timeout=timedelta(seconds=2.5),
    )


def test_settings_speak_of_dead_letters_by_the_name_that_people_use() -> None:
    """Of a renamed address, too, which the storage calls as ever."""
    processors = Processors()
    processors.process(Queue("email", dead_letter="email.lost").dead)(lambda payload: None)
    asked: list[str] = []

    def configured(queue: str) -> Limits:
        asked.append(queue)
        return CONFIGURED

    declared(reachable([processors]), configured)
    assert asked == ["email.lost"]


@pytest.mark.parametrize(
    "pushed",
    [
        {"max_attempts": 0},
        {"backoff": "[]"},
        {"backoff": "7"},
        {"backoff": '{"every":1}'},
        {"backoff": '{"first":"x"}'},
        {"backoff": '{"factor":[1]}'},
        {"backoff": '{"steps":5}'},
        {"backoff": '{"cap":1e300}'},
        {"backoff": "{"},
        {"timeout": -1.0},
        {"timeout": 1e300},
        {"timeout": float("nan")},
    ],
    ids=repr,
)
def test_a_stored_policy_that_cannot_be_read_rejects_the_job(pushed: dict[str, Any]) -> None:
    """E12: what another language wrote into the row is dead at once, and not a crash."""
    with pytest.raises(Rejected, match=r"^email: the policy of its push cannot be read: "):
        limits_of(attempt(pushed=pushed, processor={}))
