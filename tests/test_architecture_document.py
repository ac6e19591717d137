"""ARCHITECTURE.md says where everything is: each module once, and none that is gone."""

from __future__ import annotations

import re

import pytest

from tests.documents import ROOT

TABLES = ("pgqueue", "pgqueue/worker", "pgqueue/drivers/postgres")


@pytest.mark.parametrize("folder", TABLES)
def test_each_module_of_a_folder_is_in_its_table_and_no_other(folder: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    _, _, table = text.partition(f"modules of `{folder}/` |\n")
    rows = table.partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", rows)
    there = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert sorted(named) == sorted(there)
