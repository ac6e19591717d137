"""Errors have one root, and verdicts take delays as everything else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pgqueue import RetryAfter, Snooze, errors
from pgqueue.errors import PgqueueError, Verdict

NAMED = [one for one in vars(errors).values() if isinstance(one, type)]


def test_every_error_is_of_the_one_root_or_a_verdict() -> None:
    ours = [one for one in NAMED if one.__module__ == errors.__name__]
    assert len(ours) > 10
    assert all(issubclass(one, PgqueueError | Verdict) for one in ours)
    assert not issubclass(Verdict, PgqueueError)


@pytest.mark.parametrize("delay", [timedelta(minutes=5), 300, "5m"], ids=repr)
@pytest.mark.parametrize("verdict", [RetryAfter, Snooze])
def test_a_verdict_takes_a_delay_in_every_form(
    verdict: type[RetryAfter | Snooze], delay: Any
) -> None:
    assert verdict(delay).delay == timedelta(minutes=5)
    assert "5m" in str(verdict(delay))


@pytest.mark.parametrize("delay", [timedelta(seconds=-1), -1, "soon", None, timedelta.max])
@pytest.mark.parametrize("verdict", [RetryAfter, Snooze])
def test_a_verdict_without_a_usable_delay_names_itself(
    verdict: type[RetryAfter | Snooze], delay: Any
) -> None:
    with pytest.raises(ValueError, match=rf"^{verdict.__name__}\.delay: "):
        verdict(delay)


def test_a_reason_for_a_retry_is_what_is_kept() -> None:
    assert str(RetryAfter(60, "rate limited")) == "rate limited"
