"""The import rules of the source tree, read from the syntax alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

# Where each library may appear; a path ending in `?` allows it inside functions only.
HOMES = {
    "psycopg": ("pgqueue/drivers/postgres/", "pgqueue/devserver/?", "cli/", "migrations/"),
    "psycopg_pool": ("pgqueue/drivers/postgres/",),
    "asyncio": ("pgqueue/drivers/", "pgqueue/worker/", "pgqueue/testing/"),
    "uvloop": ("pgqueue/worker/?",),
    "pytest": ("pgqueue/testing/",),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "alembic": ("migrations/",),
    "sqlalchemy": ("migrations/",),
    "django": ("pgqueue/integrations/django/",),
    "opentelemetry": ("pgqueue/telemetry/",),
}
# Parts of the worker that others are handed or read from; all the rest only meet in `Worker`.
SHARED_IN_WORKER = (
    "announce",
    "answers",
    "attempt",
    "bulletin",
    "child",
    "children",
    "dispatcher",
    "executors",
    "outbox",
    "forks",
    "journal",
    "loan",
    "loops",
    "rebuilt",
    "pulse",
    "service",
    "slots",
    "stuck",
    "threads",
    "stamp",
    "until",
)
# The folders of level 3; everything else directly in pgqueue/ is level 0.
EXTRAS = ("devserver", "testing", "integrations", "telemetry", "web")
DISTRIBUTION = ("pgqueue", "pgqueue_cli", "pgqueue_migrations")


@dataclass(frozen=True)
class Import:
    """One imported module, where it is imported, and whether only a function does it."""

    module: str
    line: int
    lazy: bool

    def is_below(self, *packages: str) -> bool:
        """Whether the module is one of these packages, or inside one."""
        return any(self.module == name or self.module.startswith(f"{name}.") for name in packages)


def broken_rules(path: PurePosixPath, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and reason for each import in the file that the architecture forbids."""
    for found in _imports(tree):
        for reason in (_library_rule(path, found), _level_rule(path, found)):
            if reason:
                yield found.line, reason


def _library_rule(path: PurePosixPath, found: Import) -> str | None:
    library = found.module.partition(".")[0]
    if library not in HOMES:
        return None
    for home in HOMES[library]:
        if str(path).startswith(home.rstrip("?")) and (found.lazy or not home.endswith("?")):
            return None
    return f"{library} may be imported in {', '.join(HOMES[library])} only"


def _level_rule(path: PurePosixPath, found: Import) -> str | None:
    match path.parts[:-1]:
        case ("pgqueue",) if path.name != "__init__.py":
            return None if _is_level_0(found) else "level 0 imports level 0, msgspec and the stdlib"
        case ("pgqueue", "drivers", *_):
            allowed = _is_level_0(found) or found.is_below("pgqueue.drivers")
            return None if allowed or not _is_ours(found) else "drivers import level 0 only"
        case ("pgqueue", "worker", *_):
            return _worker_rule(path, found)
        case ("pgqueue", "testing", *_) if found.is_below("pgqueue_migrations"):
            return None if found.lazy else "the testing kit imports the migrations in functions"
        case ("pgqueue", *_):
            upward = found.is_below("pgqueue_cli", "pgqueue_migrations")
            return "pgqueue imports neither its faces nor its migrations" if upward else None
        case ("migrations", *_):
            inward = found.is_below("pgqueue", "pgqueue_cli")
            return "migrations import nothing from pgqueue" if inward else None
        case _:
            return None


def _worker_rule(path: PurePosixPath, found: Import) -> str | None:
    if not _is_ours(found) or _is_level_0(found):
        return None
    if not found.is_below("pgqueue.worker"):
        return "the worker imports level 0 only, and never a driver"
    name = found.module.removeprefix("pgqueue.worker").partition(".")[2].partition(".")[0]
    if path.name == "__init__.py" or name in SHARED_IN_WORKER:
        return None
    return "parts of the worker are handed to each other by Worker, never imported"


def _is_ours(found: Import) -> bool:
    return found.is_below(*DISTRIBUTION)


def _is_level_0(found: Import) -> bool:
    top, *rest = found.module.split(".")
    if top == "pgqueue":
        return bool(rest) and rest[0] not in ("drivers", "worker", *EXTRAS)
    return top == "msgspec" or top in sys.stdlib_module_names


def _imports(tree: ast.Module) -> Iterator[Import]:
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                modules = _named("." * level + (module or ""), names)
            case _:
                continue
        for module in modules:
            yield Import(module, node.lineno, lazy=id(node) in inside)


def _named(module: str, names: list[ast.alias]) -> list[str]:
    # `from pgqueue import drivers` means the module pgqueue.drivers.
    packages = (*DISTRIBUTION, "pgqueue.drivers", "pgqueue.worker")
    return [f"{module}.{alias.name}" for alias in names] if module in packages else [module]
