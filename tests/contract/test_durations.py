"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgqueue import durations

ACCEPTED = {
    "500ms": timedelta(milliseconds=500),
    "30s": timedelta(seconds=30),
    "1.5s": timedelta(seconds=1.5),
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "2d": timedelta(days=2),
    "1h30m": timedelta(minutes=90),
    "1d2h3m4s5ms": timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5),
    " 90 ": timedelta(seconds=90),
    "0": timedelta(),
    90: timedelta(seconds=90),
    0.25: timedelta(milliseconds=250),
    timedelta(days=3): timedelta(days=3),
}
REFUSED = [
    "", " ", "s", "-1s", "1 h", "5y", "5M", "30s1h", "1h1h", "nan", "inf", "1e3", "٣s", "P1D",
    -1, -0.001, float("nan"), float("inf"), True, None, [], 10**400, "9" * 30 + "d",
    timedelta(seconds=-1),
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), ACCEPTED.items(), ids=repr)
def test_a_duration_is_read_as_it_is_written(written: str, meant: timedelta) -> None:
    assert durations.parse(written, field="lease") == meant


@pytest.mark.parametrize("written", REFUSED, ids=lambda v: repr(v)[:20])
def test_anything_else_is_refused_naming_the_field_and_what_is_accepted(written: object) -> None:
    with pytest.raises(ValueError, match=r"^lease: .*is not a duration; write \"500ms\", \"30s\""):
        durations.parse(written, field="lease")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(microseconds=250), "0.25ms"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=7, microseconds=1), "7d0.000001s"),
    ],
    ids=str,
)
def test_a_duration_is_written_in_its_fewest_parts(duration: timedelta, text: str) -> None:
    assert durations.format(duration) == text


@given(st.timedeltas(min_value=timedelta(), max_value=durations.LONGEST))
def test_what_is_written_is_read_back_as_the_same(duration: timedelta) -> None:
    assert durations.parse(durations.format(duration), field="lease") == duration


@pytest.mark.parametrize("written", ["36526d", 1e11, timedelta.max], ids=str)
def test_more_than_a_hundred_years_is_refused(written: durations.Duration) -> None:
    with pytest.raises(ValueError, match=r"^lease: .*is too long; give a hundred years at most"):
        durations.parse(written, field="lease")


def test_a_negative_duration_is_not_written() -> None:
    with pytest.raises(ValueError, match="is negative"):
        durations.format(timedelta(seconds=-1))
