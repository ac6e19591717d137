"""What a push takes along of the trace it is made in."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import psycopg
import pytest
from opentelemetry import baggage, context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    Tracer,
    TraceState,
    use_span,
)

from pgqueue import Postgres, Queue

Connection = psycopg.Connection[Any]

MAIL = Queue("mail", str)
GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

BLOCKED = """
import sys
sys.modules["opentelemetry"] = None
import psycopg
from pgqueue import Postgres
pg = Postgres()
with psycopg.connect(pg.config.conninfo()) as conn:
    pg.push("mail", "ada", on=conn)
"""
NOT_IMPORTED = """
import sys, psycopg
from pgqueue import Postgres
pg = Postgres()
with psycopg.connect(pg.config.conninfo()) as conn:
    pg.push("mail", "ada", on=conn)
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


def traceparent(span: Span) -> str:
    found = span.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def envelopes(conn: Connection) -> list[dict[str, Any]]:
    rows = conn.execute("select envelope from pgqueue.jobs order by id").fetchall()
    return [envelope for (envelope,) in rows]


def test_a_push_inside_a_span_carries_the_span_and_nothing_it_has_not_got(
    pg: Postgres, conn: Connection, tracer: Tracer
) -> None:
    """D20: no tracestate and no baggage are set, so their keys are absent."""
    with tracer.start_as_current_span("order") as span:
        pg.push(MAIL, "ada", on=conn)
    assert envelopes(conn) == [{"v": 1, "payload": "ada", "traceparent": traceparent(span)}]


def test_tracestate_and_baggage_travel_with_the_span(pg: Postgres, conn: Connection) -> None:
    """D20: each in its W3C form."""
    state = TraceState([("vendor", "a"), ("other", "b")])
    remote = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    token = context.attach(baggage.set_baggage("tenant", "Ada & Co"))
    try:
        with use_span(NonRecordingSpan(remote)):
            pg.push(MAIL, "ada", on=conn)
    finally:
        context.detach(token)
    (envelope,) = envelopes(conn)
    assert envelope["traceparent"] == f"00-{7:032x}-{9:016x}-01"
    assert envelope["tracestate"] == "vendor=a,other=b"
    assert envelope["baggage"] == "tenant=Ada+%26+Co"


def test_without_an_active_span_the_keys_are_absent(pg: Postgres, conn: Connection) -> None:
    """D20: baggage alone is no trace."""
    token = context.attach(baggage.set_baggage("tenant", "7"))
    try:
        pg.push(MAIL, "ada", on=conn)
        with use_span(INVALID_SPAN):
            pg.push(MAIL, "bob", on=conn)
    finally:
        context.detach(token)
    assert envelopes(conn) == [{"v": 1, "payload": "ada"}, {"v": 1, "payload": "bob"}]


@pytest.mark.parametrize("given", [{}, {"traceparent": GIVEN}])
def test_the_carrier_of_the_push_is_used_in_place_of_the_active_span(
    pg: Postgres, conn: Connection, tracer: Tracer, given: dict[str, str]
) -> None:
    with tracer.start_as_current_span("order"):
        pg.push(MAIL, "ada", on=conn, carrier=given)
        pg.push_many(MAIL, ["bob"], on=conn, carrier=given)
    assert envelopes(conn) == [{"v": 1, "payload": name, **given} for name in ("ada", "bob")]


async def test_awaited_and_many_and_delayed_pushes_carry_it_too(
    pg: Postgres, conn: Connection, tracer: Tracer
) -> None:
    """D20: it is the context in which push() is called, wherever it is awaited."""
    with tracer.start_as_current_span("order") as span:
        later = pg.push(MAIL, "ada")
        await pg.push_many(MAIL, ["bob", "eve"])
        await pg.push(MAIL, "tom", delay="1h")
    await later
    waiting = conn.execute("select envelope from pgqueue.scheduled_jobs").fetchall()
    found = [*envelopes(conn), *(envelope for (envelope,) in waiting)]
    assert [one["traceparent"] for one in found] == [traceparent(span)] * 4


@pytest.mark.parametrize("script", [BLOCKED, NOT_IMPORTED])
def test_a_push_needs_no_opentelemetry_and_imports_none(
    conn: Connection, dsn: str, script: str
) -> None:
    """D20: neither when it is not installed, nor when the application does not use it."""
    environment = {"PGQUEUE_DSN": dsn}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert envelopes(conn) == [{"v": 1, "payload": "ada"}]


class Unfit:
    """A value of baggage that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("secret")


def test_a_context_that_cannot_be_written_costs_only_itself(
    pg: Postgres, conn: Connection, tracer: Tracer, caplog: pytest.LogCaptureFixture
) -> None:
    """D23: the push is made, and a warning says which kind of error it was."""
    token = context.attach(baggage.set_baggage("tenant", Unfit()))
    try:
        with tracer.start_as_current_span("order"):
            pg.push(MAIL, "ada", on=conn)
    finally:
        context.detach(token)
    assert envelopes(conn) == [{"v": 1, "payload": "ada"}]
    assert caplog.messages == ["a push goes without its trace: RuntimeError in OpenTelemetry"]


def test_a_tracestate_too_long_for_the_envelope_is_left_out(pg: Postgres, conn: Connection) -> None:
    """D23: the trace itself still goes along."""
    state = TraceState([(f"vendor{number}", "x" * 250) for number in range(3)])
    remote = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    with use_span(NonRecordingSpan(remote)) as span:
        pg.push(MAIL, "ada", on=conn)
    assert envelopes(conn) == [{"v": 1, "payload": "ada", "traceparent": traceparent(span)}]
