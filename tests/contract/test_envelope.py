"""The envelope: sealed once, opened once, and refused with advice when it cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.rows import TupleRow

import pgqueue
from pgqueue.envelope import Envelope, seal, unseal
from pgqueue.errors import PayloadError, Rejected
from pgqueue.plain import is_sealed_shape

ROOT = Path(__file__).parents[2]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CARRIER = {"traceparent": PARENT, "tracestate": "vendor=1", "baggage": "user=7"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


def test_a_sealed_payload_is_version_payload_and_nothing_else() -> None:
    """B03: the stored document, byte for byte."""
    assert seal(b'{"n":1}') == b'{"v":1,"payload":{"n":1}}'


def test_only_the_context_keys_stand_beside_the_payload() -> None:
    """B03: trace context is the only thing that travels with it."""
    document = msgspec.json.decode(seal(b"null", CARRIER))
    assert document == {"v": 1, "payload": None, **CARRIER}
    with pytest.raises(PayloadError, match="carrier: unknown key 'tenant'; known: traceparent,"):
        seal(b"null", {"tenant": "a"})


@given(json_values)
def test_what_is_opened_is_what_was_sealed(value: object) -> None:
    """B10, B09: the reader gets the payload alone, without version or trace, wrapped once."""
    text = msgspec.json.encode(value)
    document = seal(text, CARRIER)
    assert unseal(document) == Envelope(text, CARRIER)
    assert is_sealed_shape(msgspec.json.decode(document))


def test_python_and_sql_seal_with_the_same_version(conn: psycopg.Connection[TupleRow]) -> None:
    """B04: one number, exported, on both sides of the wire."""
    (version,) = conn.execute("select pgqueue.wire_format_version()").fetchone() or ()
    assert version == pgqueue.WIRE_FORMAT_VERSION


LITERAL = re.compile(
    r"""['"]v\\?['"]\)?(?:::\w+)?\W{0,12}\d|\.v\s*[=!<>]=\s*\d|WIRE_FORMAT_VERSION\b[^=\n]*=\s*\d|"""
    r"""function\s+pgqueue\.wire_format_version\b(?s:.*?)\breturn\s+\d"""
)


def test_the_version_is_written_down_once_in_python_and_once_in_sql() -> None:
    """B04: no literal version but the constant and the function that equals it."""
    found = [(path.name, match[0].split()[-1]) for path, match in _literals()]
    assert sorted(found) == [("functions.sql", "1"), ("sealing.py", "1")]


@pytest.mark.parametrize(
    "text",
    [
        """{"v": 1, "payload": x}""",
        """b'{"v":1,"payload":%s}'""",
        """"{\\"v\\":1}\"""",
        "jsonb_build_object('v', 1)",
        "(envelope -> 'v')::int = 1",
        "envelope ->> 'v' = '1'",
        "if wire.v == 1:",
        "WIRE_FORMAT_VERSION = 2",
    ],
)
def test_another_literal_version_would_be_found(text: str) -> None:
    assert LITERAL.search(text)


@pytest.mark.parametrize("version", ["2", "3.0", "1e300"])
def test_a_newer_version_is_rejected_with_the_advice_to_upgrade(version: str) -> None:
    """B05: roll the producer back, or upgrade and redrive."""
    with pytest.raises(Rejected, match=r"unsupported.* reads 1; the producer is newer: roll it "):
        unseal(f'{{"v":{version},"payload":1}}')


def test_an_older_version_is_rejected_with_the_opposite_advice() -> None:
    """B06: drain its jobs with their own version."""
    with pytest.raises(Rejected, match=r"version 0 is unsupported.*producer is older: drain"):
        unseal('{"v":0,"payload":1}')


@pytest.mark.parametrize(
    "document",
    ["[]", '"x"', "null", "7", "", "{", "{}", '{"n":1}', '{"v":1}', '{"payload":1}', b"\xff",
     "[" * 9**6],
    ids=lambda v: repr(v)[:12],
)  # fmt: skip
def test_what_is_no_envelope_is_rejected_with_a_hint(document: str | bytes) -> None:
    """B07: a bare payload that reached the dispatcher by another way."""
    with pytest.raises(Rejected, match=r"not an envelope .*push with pgqueue\.push\(\), which"):
        unseal(document)


@pytest.mark.parametrize("version", ["1", "1.0", "1e0", "10e-1"])
def test_a_whole_number_is_read_however_it_is_written(version: str) -> None:
    """B08: some JSON writers make 1.0 of 1."""
    assert unseal(f'{{"v":{version},"payload":[2]}}').payload == b"[2]"


@pytest.mark.parametrize("version", ['"1"', "true", "null", "-1", "1.5", "[1]", "{}", "1e400"])
def test_what_is_no_whole_number_is_no_version(version: str) -> None:
    """B08: text, booleans, null, negative numbers and fractions."""
    with pytest.raises(Rejected, match="not an envelope"):
        unseal(f'{{"v":{version},"payload":1}}')


@pytest.mark.parametrize("version", ['"hunter2"', '{"password":"hunter2"}', '["hunter2"]'])
def test_a_wrong_version_is_not_quoted(version: str) -> None:
    """E11: a document that is no envelope is somebody's data."""
    with pytest.raises(Rejected) as caught:
        unseal(f'{{"v":{version},"payload":1}}')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", CARRIER)
@pytest.mark.parametrize("broken", ["", "é", "a\nb", "x" * 9000, 7, None, ["a"]], ids=repr)
def test_a_malformed_context_costs_the_correlation_and_never_the_job(
    key: str, broken: object
) -> None:
    """D23: dropped at both edges, the other keys kept."""
    carrier = CARRIER | {key: broken}
    rest = {name: value for name, value in CARRIER.items() if name != key}
    assert unseal(seal(b"1", carrier)).carrier == rest  # type: ignore[arg-type]
    document = msgspec.json.encode({"v": 1, "payload": 1} | carrier)
    assert unseal(document) == Envelope(b"1", rest)


def test_a_reader_ignores_keys_that_it_does_not_know() -> None:
    """A13: an optional key is not a new version."""
    assert unseal('{"v":1,"actor":"a","payload":{"v":2}}') == Envelope(b'{"v":2}')


def _literals() -> Iterator[tuple[Path, re.Match[str]]]:
    for folder in ("pgqueue", "cli", "migrations"):
        for path in sorted((ROOT / folder).rglob("*")):
            # The conformance suite is a test: it shows documents of every version.
            if path.suffix in (".py", ".sql") and "testing" not in path.parts:
                for match in LITERAL.finditer(path.read_text(encoding="utf-8")):
                    yield path, match
