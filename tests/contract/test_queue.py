"""`Queue`: a value that both sides share, under a name that is safe everywhere."""

from __future__ import annotations

import copy
import pickle

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.rows import TupleRow

from pgqueue import Queue
from pgqueue.queue import checked_name

ACCEPTED = [
    "user.created", "app.user.created", "notifications.email.send", "audio-preview_2", "_", "A:b",
    "7", "a" * 48, "a.dead.b", "dead",
]  # fmt: skip
REFUSED = [
    "", "a" * 49, "a b", " a", "a\n", "a\tb", "a\x7f", "é", "-a", ".a", ":a", "a/b", "a'b", 'a"b',
    "a;b", "a%b", "a,b", "\uff41", "٣",
]  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_plain_name_is_accepted(name: str) -> None:
    """D27: letters, digits, _ . : and -."""
    assert Queue(name).name == name


@pytest.mark.parametrize("name", [*REFUSED, "a\0b", None, 7, b"a"], ids=repr)
def test_any_other_name_is_refused_saying_what_is_usable(name: str) -> None:
    """D27: empty, too long, control characters, quotes: nothing that SQL or a log could trip on."""
    with pytest.raises(ValueError, match=r"^queue name .* is not usable: use 1 to 48 letters"):
        Queue(name)
    with pytest.raises(ValueError, match=r"^job name .* is not usable"):
        checked_name(name, "job")


def test_a_long_wrong_name_is_not_repeated_in_full() -> None:
    with pytest.raises(ValueError, match="not usable") as caught:
        Queue("x" * 10_000)
    assert len(str(caught.value)) < 200


def test_an_address_of_dead_letters_is_no_queue() -> None:
    with pytest.raises(ValueError, match=r"'orders\.dead'.*addresses of dead letters"):
        Queue("orders.dead")


def test_python_and_sql_accept_the_same_names(conn: psycopg.Connection[TupleRow]) -> None:
    """D27: whoever pushes, the same names are refused."""
    names = [*ACCEPTED, *REFUSED]
    rows = conn.execute(
        "select name, pgqueue.valid_name(name) from unnest(%s::text[]) as name", [names]
    )
    assert dict(rows.fetchall()) == {name: name in ACCEPTED for name in names}


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,47}", fullmatch=True))
def test_every_name_of_the_documented_form_is_usable(name: str) -> None:
    """D27: the rule is as the message states it."""
    assert checked_name(name, "job") == name


def test_a_queue_is_a_value() -> None:
    queue = Queue("audio", dict[str, int])
    assert queue == Queue("audio", dict[str, int])
    assert queue != Queue("audio")
    assert len({queue, copy.deepcopy(queue), pickle.loads(pickle.dumps(queue))}) == 1
    with pytest.raises(AttributeError):
        queue.name = "video"  # type: ignore[misc]


def test_a_queue_may_name_its_type_twice() -> None:
    assert Queue[int]("numbers", int) == Queue("numbers", int)
