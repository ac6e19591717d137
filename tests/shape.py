"""The rules of size and naming, for one file at a time, and the reasons why one breaks them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.imports import broken_rules

SOURCES = ("pgqueue", "cli", "migrations")
STATEMENTS = "pgqueue/drivers/postgres/sql/"
VAGUE = ("utils", "common", "helpers", "manager", "base", "types")
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
MOST_PARAMETERS = 8

HOST = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian|index[-]url|://[\w.-]*(pypi|artifactory|nexus)\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.:/~$}-])/(home|root|Users|work|tmp|private|mnt)/\w")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def complaints(path: PurePosixPath, text: str) -> list[str]:
    """All that is wrong with a file, each with the line it is on."""
    found = list(_about_text(text))
    if path.suffix == ".py":
        found += _about_python(path, text)
    if path.suffix == ".sql":
        found += _about_sql(path, text)
    return [f"{path}:{line}: {reason}" for line, reason in found]


def _about_text(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield number, "an absolute path of one machine"
        if HOST.search(line):
            yield number, "the host of a package registry"


def _about_python(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    if len(text.splitlines()) > LONGEST_FILE:
        yield LONGEST_FILE, f"more than {LONGEST_FILE} lines"
    if path.stem in VAGUE or any(part in VAGUE for part in path.parts):
        yield 1, "a name that says nothing"
    yield from _about_functions(tree)
    if path.parts[0] in SOURCES:
        yield from broken_rules(path, tree)
        yield from _about_type_checking(path, tree)


def _about_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, Function):
            continue
        if _length(node) > LONGEST_FUNCTION:
            yield node.lineno, f"{node.name} has more than {LONGEST_FUNCTION} lines"
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        if node.name == "__init__" and len(arguments) - 1 > MOST_PARAMETERS:
            yield node.lineno, f"a constructor with more than {MOST_PARAMETERS} parameters"


def _length(function: Function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _about_type_checking(path: PurePosixPath, tree: ast.Module) -> Iterator[tuple[int, str]]:
    if str(path) == "pgqueue/__init__.py":
        return
    for node in ast.walk(tree):
        names = {getattr(node, "id", None), getattr(node, "attr", None)}
        if "TYPE_CHECKING" in names:
            yield getattr(node, "lineno", 1), "TYPE_CHECKING hides a cycle"


def _about_sql(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    code = re.sub(r"--.*", "", text)
    if re.search(r"returning\s+(\w+\.)?\*", code, re.IGNORECASE):
        yield 1, "returning * changes with the table"
    if str(path).startswith(STATEMENTS):
        if not text.startswith("-- "):
            yield 1, "the first line of a statement is its promise, as a comment"
        bare = re.sub(r"\$(\w*)\$.*?\$\1\$|'[^']*'", "", code, flags=re.DOTALL)
        if len([part for part in bare.split(";") if part.strip()]) != 1:
            yield 1, "a file holds one statement"
