"""The document's example, run as it stands there, and its list of attributes."""

from __future__ import annotations

import re
from pathlib import Path

from tests.documents import ROOT, Folder

DOCUMENT = "docs/tracing.md"


def test_the_documents_worker_is_in_the_trace_that_its_producer_prints(
    dsn: str, tmp_path: Path
) -> None:
    """D21, D22: as a reader of the document would see it."""
    folder = Folder(tmp_path, DOCUMENT, dsn)
    trace = folder.python("order.py").strip()
    assert re.fullmatch("[0-9a-f]{32}", trace)
    with folder.working("shop:worker") as until:
        until(f"mail to ada in trace {trace}, tenant 7")


def test_the_document_names_every_attribute_that_the_source_sets() -> None:
    source = (ROOT / "pgqueue/telemetry/tracing.py").read_text()
    attributes = set(re.findall(r'"((?:messaging|pgqueue|error)\.[\w.]+)"', source))
    text = (ROOT / DOCUMENT).read_text()
    documented = set(re.findall(r"`((?:messaging|pgqueue|error)\.[\w.]+)`", text))
    assert "messaging.system" in attributes
    assert documented == attributes
