"""Arrays that are sent as one text arrive element by element, whatever is in them."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgqueue.drivers.postgres.arrays import ints, texts
from pgqueue.drivers.postgres.claims import CLAIM
from pgqueue.drivers.postgres.statement import run
from tests.drivers.store import Connection, claim_parameters, insert

# No example leaves anything behind in the test's database.
ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
HOSTILE = [
    "",
    "null",
    "NULL",
    '"',
    "\\",
    '\\"',
    "a,b",
    "{",
    "}",
    "{}",
    "'",
    " a ",
    "\n\t",
    "%s",
    "ä😀",
]


@given(st.lists(TEXT | st.sampled_from(HOSTILE)))
@example(HOSTILE)
@ONE_DATABASE
def test_texts_arrive_as_they_are(conn: Connection, some: list[str]) -> None:
    """Whatever a queue is called, it is one element, and itself."""
    found = conn.execute("select unnest(%s::text[])", (texts(some),)).fetchall()
    assert [one for (one,) in found] == some


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
@example([-(2**63), 2**63 - 1, 0, -1])
@ONE_DATABASE
def test_whole_numbers_arrive_as_they_are(conn: Connection, some: list[int]) -> None:
    """Ids and tokens use every bit."""
    found = conn.execute("select unnest(%s::bigint[])", (ints(some),)).fetchall()
    assert [one for (one,) in found] == some


def test_queues_of_any_name_leave_the_others_their_room(conn: Connection) -> None:
    """Each gets the room that was meant for it, or is not there."""
    insert(conn, "audio", 3)
    rooms = {"queues": texts([*HOSTILE, "audio"]), "rooms": ints([9] * len(HOSTILE) + [2])}
    cursors = ints([-1] * 10 * (len(HOSTILE) + 1))
    parameters = claim_parameters({}) | rooms | {"cursors": cursors}
    assert [one.queue for one in run(conn, CLAIM, parameters)] == ["audio", "audio"]
