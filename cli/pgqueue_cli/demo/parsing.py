"""Reads a Python file the way Python does, and lists what it defines."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple


class Definition(NamedTuple):
    """A function or class, and the line it starts on."""

    name: str
    kind: str
    line: int


def definitions(path: Path) -> list[Definition]:
    """Return the functions and classes of a file; raises SyntaxError if it cannot be parsed."""
    tree = ast.parse(path.read_bytes(), path.name)
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.append(Definition(node.name, "function", node.lineno))
            case ast.ClassDef():
                found.append(Definition(node.name, "class", node.lineno))
    return found
