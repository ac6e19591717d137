"""The table of rows is in step with the tests, and each way in which it could be wrong is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import rows

TABLE = """required = [
  "A01",
]

[A01]
says = "jobs survive"
tests = [
  "tests/test_a.py::TestCrash::test_method",
  "tests/test_a.py::test_one",
]

[B02]
says = "„quoted“ \\"text\\""
tests = [
  "tests/test_a.py::test_one",
]

[L1]
says = "nothing shows it yet"
tests = []
"""
TESTS = '''
async def test_one(conn):
    """A01, B02: a claim."""

def test_two():
    """No row."""

class TestCrash:
    def test_method(self):
        """A01: also a method."""

def not_a_test():
    """L1: does not count."""
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A made-up checkout whose table is right."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/rows.toml").write_text(TABLE, encoding="utf-8")
    (tmp_path / "tests/test_a.py").write_text(TESTS)
    return tmp_path


def test_every_row_of_the_contract_stands_in_the_table() -> None:
    table = rows.read((rows.ROOT / rows.TABLE).read_text(encoding="utf-8"))
    sizes = {
        "A": 31,
        "B": 40,
        "C": 40,
        "D": 28,
        "E": 13,
        "F": 12,
        "K": 17,
        "M": 68,
        "P": 12,
        "L": 9,
    }
    written = {row for row in table.says if row[0] not in "FPL"}
    assert written == {f"{g}{n:02}" for g in "ABCDEKM" for n in range(1, sizes[g] + 1)}
    assert set(table.says) - written == {f"{g}{n}" for g in "FPL" for n in range(1, sizes[g] + 1)}
    assert all(table.says.values())


def test_a_table_that_is_in_step_passes_and_says_what_is_missing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows.main([], project) == 0
    out, wrong = capsys.readouterr()
    assert "A   1 of  1  covered: A01" in out
    assert "missing: L1" in out
    assert "2 of 3 rows have a test" in out
    assert wrong == ""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("::test_one", "::test_gone", "A01: there is no tests/test_a.py::test_gone"),
        ("test_a.py::Test", "test_b.py::Test", "A01: there is no tests/test_b.py::TestCrash::"),
        ('  "tests/test_a.py::test_one",\n', "", "B02: the table and the docstrings differ"),
        ("tests = []", 'tests = ["tests/test_a.py::test_two"]', "L1: the table and the docstrings"),
        ('  "A01",\n', '  "A01",\n  "L1",\n', "L1: required, but no test shows it: nothing shows"),
        ('  "A01",\n', '  "A99",\n', "A99: required, but no such row"),
        ("[B02]", "[B03]", "B02: no such row; correct the docstring of tests/test_a.py::test_one"),
        ("[B02]", "[A01]", "each row once"),
        ("says", "said", "each row once"),
        ("required = [", "required = ", "each row once"),
    ],
)
def test_a_wrong_table_fails(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, reason: str
) -> None:
    assert old in TABLE
    (project / rows.TABLE).write_text(TABLE.replace(old, new), encoding="utf-8")
    assert rows.main([], project) == 1
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("test_one", "test_other", "B02: there is no tests/test_a.py::test_one"),
        ("A01, B02: a", "A01: a", "B02: the table and the docstrings differ"),
        ("No row.", "L1: a row.", "L1: the table and the docstrings differ"),
        ("No row.", "Z9: a row.", "Z9: no such row; correct the docstring"),
        ("No row.", "L1 and A01.", "test_two: begins with a row ID; write"),
        ("A01, B02: a", "A01,B02: a", "test_one: begins with a row ID; write"),
    ],
)
def test_wrong_docstrings_fail(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, reason: str
) -> None:
    assert old in TESTS
    (project / "tests/test_a.py").write_text(TESTS.replace(old, new))
    assert rows.main([], project) == 1
    assert reason in capsys.readouterr().err


def test_a_row_can_be_required_for_one_run(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows.main(["--require", "A01,B02"], project) == 0
    assert rows.main(["--require", "B02, L1"], project) == 1
    assert "L1: required" in capsys.readouterr().err


def test_an_update_writes_what_the_docstrings_say_and_changes_nothing_else(project: Path) -> None:
    path = project / rows.TABLE
    path.write_text(TABLE.replace("::test_one", "::test_gone"), encoding="utf-8")
    assert rows.main(["--update"], project) == 0
    assert path.read_text(encoding="utf-8") == TABLE


def test_one_case_of_a_test_may_be_listed(project: Path) -> None:
    path = project / rows.TABLE
    path.write_text(TABLE.replace("::test_one", "::test_one[case]"), encoding="utf-8")
    assert rows.main([], project) == 0
