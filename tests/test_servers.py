import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHOOSING = ("PGQUEUE_TEST_SERVER", "PGQUEUE_TEST_DSN", "PGQUEUE_PG_BIN", "DOCKER_HOST")


def run_of_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in CHOOSING and not name.startswith("PYTEST")
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=HERE.parent,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"PGQUEUE_TEST_SERVER": "oracle"}, "use auto, dsn, docker or embedded"),
        ({"PGQUEUE_TEST_SERVER": "dsn"}, "PGQUEUE_TEST_DSN must be set"),
        ({"PGQUEUE_TEST_DSN": "host=127.0.0.1 port=1"}, "does not let us in"),
        ({"PGQUEUE_PG_BIN": "nowhere"}, "PGQUEUE_PG_BIN is 'nowhere'"),
        (
            {"PGQUEUE_TEST_SERVER": "docker", "DOCKER_HOST": "tcp://127.0.0.1:1"},
            "set PGQUEUE_TEST_SERVER=embedded",
        ),
    ],
    ids=["unknown", "no dsn", "dead dsn", "no programs", "no engine"],
)
def test_a_run_without_a_usable_server_ends_with_code_3_and_says_why(
    environment: dict[str, str], reason: str
) -> None:
    run = run_of_pytest("--collect-only", str(HERE / "test_servers.py"), **environment)
    assert run.returncode == 3
    assert reason in run.stdout + run.stderr


def test_a_run_falls_back_to_the_embedded_server_and_says_which_it_uses() -> None:
    """K17: no container engine, and nothing to install by hand."""
    run = run_of_pytest(
        "--collect-only", str(HERE / "test_servers.py"), DOCKER_HOST="tcp://127.0.0.1:1"
    )
    assert run.returncode == 0
    assert "(embedded)" in run.stdout


def test_a_run_uses_the_server_that_it_is_given(server_dsn: str) -> None:
    """K17: the same tests, on any server."""
    run = run_of_pytest(
        str(HERE / "test_databases.py"),
        PGQUEUE_TEST_DSN=server_dsn,
        DOCKER_HOST="tcp://127.0.0.1:1",
    )
    assert run.returncode == 0, run.stdout
    assert "(PGQUEUE_TEST_DSN)" in run.stdout
    assert server_dsn not in run.stdout


def test_the_workers_of_a_parallel_run_share_one_server() -> None:
    run = run_of_pytest("-n", "2", str(HERE / "test_databases.py"), PGQUEUE_TEST_SERVER="embedded")
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("(embedded)") == 1
