import ast
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgqueue import Config

ROOT = Path(__file__).parent.parent
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = ("migrate", "worker", "app")


def names_in(module: str) -> set[str]:
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text())
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_there_is_a_database_its_migration_a_worker_and_an_application() -> None:
    """C23: the services that a deployment has."""
    assert set(SERVICES) == {"postgres", *OURS}


def test_our_services_share_one_image_that_is_built_here() -> None:
    """C23: one image."""
    assert {SERVICES[name]["image"] for name in OURS} == {"pgqueue-example"}
    assert {SERVICES[name]["build"] for name in OURS} == {"."}


def test_nothing_of_ours_starts_before_the_schema_is_there() -> None:
    assert SERVICES["postgres"]["healthcheck"]["test"][1] == "pg_isready"
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("worker", "app"):
        assert SERVICES[name]["depends_on"]["migrate"] == {
            "condition": "service_completed_successfully"
        }


def test_a_stopped_worker_gets_longer_than_it_takes_to_drain() -> None:
    """C23: stop_grace_period is longer than the shutdown timeout."""
    seconds = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert timedelta(seconds=seconds) > Config().shutdown_timeout


@pytest.mark.parametrize("name", ["migrate", "worker"])
def test_every_command_is_one_that_pgqueue_has(name: str) -> None:
    program, verb, *_ = SERVICES[name]["command"]
    assert program == "pgqueue"
    asked = subprocess.run(
        [sys.executable, "-c", "from pgqueue_cli.main import main; main()", verb, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr


def test_the_worker_and_the_application_are_in_the_example() -> None:
    module, _, attribute = SERVICES["worker"]["command"][2].partition(":")
    assert attribute in names_in(module)
    assert SERVICES["app"]["command"] == ["python", "-m", module]


def test_the_image_copies_only_what_the_checkout_has() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert {name for name in names if not (ROOT / name).exists()} == set()
    assert {"pgqueue", "cli", "migrations", "examples", "constraints.txt"} <= names


def test_the_password_is_plainly_one_for_development() -> None:
    password = SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert password == "development"
    for name in OURS:
        assert f":{password}@postgres:" in SERVICES[name]["environment"]["PGQUEUE_DSN"]
