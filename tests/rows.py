"""Which test shows which row of the contract; docstrings that begin with row IDs are the source.

python -m tests.rows            what is covered and what is missing
python -m tests.rows --update   first bring the lists in rows.toml into step
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

TABLE = Path("tests/rows.toml")
ROOT = Path(__file__).parent.parent

ROW = r"[A-Z]\d{1,2}"
CLAIM = re.compile(rf"({ROW}(?:, {ROW})*): \S")
INTENT = re.compile(rf"{ROW}\b")


@dataclass(frozen=True)
class Table:
    """The rows, what each says, and the tests that are listed for it."""

    required: Sequence[str]
    says: Mapping[str, str]
    tests: Mapping[str, Sequence[str]]


def read(text: str) -> Table:
    """Read the table; ValueError when it is not one, or names a row twice."""
    data = tomllib.loads(text)
    required = data.pop("required", [])
    return Table(
        required,
        {row: entry["says"] for row, entry in data.items()},
        {row: entry["tests"] for row, entry in data.items()},
    )


def write(table: Table, tests: Mapping[str, Sequence[str]]) -> str:
    """Write the table with these tests."""
    text = "required = [\n" + "".join(f"  {json.dumps(row)},\n" for row in table.required) + "]\n"
    for row, says in table.says.items():
        text += f"\n[{row}]\nsays = {json.dumps(says, ensure_ascii=False)}\ntests = ["
        text += "".join(f"\n  {json.dumps(test)}," for test in sorted(tests.get(row, ())))
        text += "\n]\n" if tests.get(row) else "]\n"
    return text


def docstrings(root: Path) -> Iterator[tuple[str, str]]:
    """Every test below `root/tests`, as file::name, with its docstring."""
    for path in sorted((root / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _tests(tree, path.relative_to(root).as_posix())


def _tests(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef(name=name) if name.startswith("Test"):
                yield from _tests(child, f"{prefix}::{name}")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test_"):
                    yield f"{prefix}::{name}", ast.get_docstring(child) or ""


def claims(found: Mapping[str, str]) -> dict[str, list[str]]:
    """The tests of each row, as their docstrings say."""
    rows: dict[str, list[str]] = {}
    for test, text in found.items():
        match = CLAIM.match(text)
        for row in dict.fromkeys(match[1].split(", ")) if match else ():
            rows.setdefault(row, []).append(test)
    return rows


def complaints(table: Table, found: Mapping[str, str]) -> Iterator[str]:
    """All that is wrong with the table or the docstrings, each with what to do."""
    for test, text in found.items():
        if INTENT.match(text) and not CLAIM.match(text):
            yield f'{test}: begins with a row ID; write "A01: …" or "A01, B02: …"'
    claimed = claims(found)
    for row in sorted(claimed.keys() - table.says.keys()):
        yield f"{row}: no such row; correct the docstring of {', '.join(claimed[row])}"
    for row in dict.fromkeys(table.required):
        if row not in table.says:
            yield f"{row}: required, but no such row"
        elif not claimed.get(row):
            yield f"{row}: required, but no test shows it: {table.says[row]}"
    for row, tests in table.tests.items():
        for test in tests:
            if test.partition("[")[0] not in found:
                yield f"{row}: there is no {test}; run python -m tests.rows --update"
        if sorted(one.partition("[")[0] for one in tests) != sorted(claimed.get(row, ())):
            yield f"{row}: the table and the docstrings differ; run python -m tests.rows --update"


def report(table: Table, claimed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is covered and what is missing, by group."""
    for group, members in groupby(table.says, key=lambda row: row[0]):
        rows = list(members)
        missing = [row for row in rows if not claimed.get(row)]
        covered = " ".join(row for row in rows if row not in missing)
        yield f"{group}  {len(rows) - len(missing):2} of {len(rows):2}  covered: {covered or '-'}"
        yield f"{'':12}missing: {' '.join(missing) or '-'}"
    count = sum(bool(claimed.get(row)) for row in table.says)
    yield f"{count} of {len(table.says)} rows have a test"


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Print the report and what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(prog="python -m tests.rows", description=__doc__)
    parser.add_argument("--update", action="store_true", help="rewrite the lists of tests")
    parser.add_argument("--require", default="", help="rows that must have a test, A01,B02")
    options = parser.parse_args(arguments)
    found = dict(docstrings(root))
    try:
        table = read((root / TABLE).read_text(encoding="utf-8"))
        if options.update:
            text = write(table, claims(found))
            (root / TABLE).write_text(text, encoding="utf-8")
            table = read(text)
    except (ValueError, KeyError, TypeError) as error:
        print(f"{TABLE}: {error}; each row once, with says and tests", file=sys.stderr)
        return 1
    more = [row.strip() for row in options.require.split(",") if row.strip()]
    table = Table([*table.required, *more], table.says, table.tests)
    print(*report(table, claims(found)), sep="\n")
    wrong = list(complaints(table, found))
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
