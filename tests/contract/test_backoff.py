"""How long a failed job waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgqueue import Backoff, ConfigError, durations, exponential, fixed, listed
from pgqueue.backoff import Delays, parse_backoff
from pgqueue.policy import Limits

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

delays = st.timedeltas(timedelta(), durations.LONGEST)
backoffs = st.builds(
    Backoff,
    first=delays,
    factor=st.floats(1, 1e6),
    cap=delays,
    jitter=st.floats(0, 1),
    steps=st.lists(delays, max_size=4).map(tuple),
)


def seconds(backoff: Delays, failures: int) -> list[float]:
    limits = Limits(attempts=99, backoff=backoff, timeout=None)
    return [limits.wait(n, 0.0).total_seconds() for n in range(1, failures + 1)]


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (exponential(5, jitter=0), [5, 10, 20, 40]),
        (exponential("2s", factor=3, cap="10s"), [2, 6, 10, 10]),
        (exponential(0), [0, 0, 0, 0]),
        (fixed("1m"), [60, 60, 60, 60]),
        (fixed(timedelta(days=3)), [259200] * 4),
        (listed(1, 5, 30), [1, 5, 30, 30]),
        (lambda failures: timedelta(seconds=failures**2), [1, 4, 9, 16]),
    ],
)
def test_each_kind_of_backoff_waits_as_it_says(backoff: Delays, waits: list[float]) -> None:
    """E07, D08: exponential, fixed, a list, and the application's own function."""
    assert seconds(backoff, 4) == waits


@given(backoffs, st.integers(1, 40_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_below_the_nominal_one_nor_above_the_cap_and_its_jitter(
    backoff: Backoff, failures: int, chance: float
) -> None:
    """E07: jitter only adds, whatever the numbers."""
    nominal = backoff.delay(failures, 0)
    wait = backoff.delay(failures, chance)
    assert nominal <= backoff.cap
    assert nominal <= wait <= nominal * (1 + backoff.jitter) + MICROSECOND
    assert wait <= backoff.cap * (1 + backoff.jitter)


@given(st.timedeltas(timedelta(), durations.LONGEST), st.floats(1, 10), st.integers(1, 20))
def test_the_nominal_wait_grows_by_the_factor(
    first: timedelta, factor: float, failures: int
) -> None:
    """E07: the exponential is one."""
    backoff = Backoff(first=first, factor=factor, cap=durations.LONGEST)
    meant = min(first.total_seconds() * factor ** (failures - 1), 36525 * 86400)
    assert backoff.delay(failures, 0).total_seconds() == pytest.approx(meant, abs=1e-6)


def test_growth_beyond_all_numbers_ends_at_the_cap_and_nothing_stays_nothing() -> None:
    """E07: the ten-thousandth failure has a wait like any other."""
    assert exponential(1, cap="1h").delay(10_000, 0) == timedelta(hours=1)
    assert exponential(0, cap="1h").delay(10_000, 0) == timedelta()


@given(backoffs)
def test_a_backoff_that_is_stored_with_a_push_is_read_back_as_the_same(backoff: Backoff) -> None:
    """E07: the row holds what the push said."""
    stored = msgspec.json.decode(msgspec.json.encode(backoff.to_json()))
    assert Backoff.from_json(stored) == backoff


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"jitter": -0.1}, "jitter"),
        ({"jitter": 1.1}, "jitter"),
        ({"jitter": float("nan")}, "jitter"),
        ({"jitter": "much"}, "jitter"),
        ({"factor": 0.5}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"factor": float("inf")}, "factor"),
        ({"first": 5}, "first"),
        ({"first": -SECOND}, "first"),
        ({"cap": timedelta.max}, "cap"),
        ({"steps": (SECOND, -SECOND)}, r"steps\[1\]"),
    ],
)
def test_a_backoff_that_cannot_be_is_refused_naming_the_field(
    settings: dict[str, Any], field: str
) -> None:
    """E07: jitter 0 to 1, factors from 1, delays up to a hundred years."""
    with pytest.raises(ConfigError, match=rf"^backoff: {field} is .*; give a"):
        Backoff(**settings)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({"every": 5}, "unknown every; known: .*'cap', 'factor'"),
        ({"first": "soon"}, r"backoff\.first: 'soon' is not a duration"),
        ({"factor": "2"}, "factor is '2'"),
        ({"factor": None}, "factor is None"),
        ({"steps": "12"}, "steps is no list"),
        ({"steps": {"1": 2}}, "steps is no list"),
        ({"steps": [1, "x"]}, r"backoff\.steps\[1\]: 'x' is not a duration"),
    ],
)
def test_a_stored_backoff_that_cannot_be_read_is_refused(
    stored: dict[str, Any], reason: str
) -> None:
    with pytest.raises((ConfigError, ValueError), match=reason):
        Backoff.from_json(stored)


def test_a_hand_written_part_of_a_backoff_is_completed() -> None:
    assert Backoff.from_json({}) == Backoff()
    assert seconds(Backoff.from_json({"first": 2, "factor": 2}), 3) == [2, 4, 8]


@pytest.mark.parametrize("answer", [-SECOND, "soon", None, timedelta.max], ids=repr)
def test_a_function_that_answers_no_delay_is_told_so(answer: Any) -> None:
    """E07: the worker hears of it before anything is written."""
    with pytest.raises(ValueError, match=r"^the backoff function's answer: "):
        seconds(lambda failures: answer, 1)


def test_nothing_listed_is_refused() -> None:
    with pytest.raises(ConfigError, match="give at least one delay"):
        listed()


@pytest.mark.parametrize(
    ("text", "backoff"),
    [
        ("fixed(30s)", fixed(30)),
        (" exponential(1s, cap=10m, jitter=0.5) ", exponential(1, cap="10m", jitter=0.5)),
        ("exponential()", exponential()),
        ("listed(1s, 5s, 30s)", listed(1, 5, 30)),
    ],
)
def test_a_backoff_is_read_as_it_is_called(text: str, backoff: Backoff) -> None:
    assert parse_backoff(text) == backoff


@pytest.mark.parametrize(
    "text",
    ["", "soon", "fixed", "fixed()", "listed(x)", "exponential(1s, 2s)", "fixed(1s, cap=2s)",
     "exponential(1s, factor=nan)", "exponential(1s, factor=fast)", "fixed(listed(1s))"],
)  # fmt: skip
def test_a_text_that_is_no_backoff_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^backoff: "):
        parse_backoff(text)
