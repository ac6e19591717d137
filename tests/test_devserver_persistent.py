import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgqueue.devserver import DevServer, DevServerError
from tests.places import open_to_all


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_to_all() as place:
        yield place / "state"


def test_data_and_connection_string_are_there_the_next_time(folder: Path) -> None:
    with DevServer.persistent(folder) as server:
        first = server.dsn
        with psycopg.connect(first) as connection:
            connection.execute("create table kept as select 42 as answer")
    with DevServer.persistent(folder) as server:
        assert server.dsn == first
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("select answer from kept").fetchone() == (42,)
            assert connection.execute("show fsync").fetchone() == ("on",)


def test_a_second_start_joins_the_running_server_and_leaves_it_running(folder: Path) -> None:
    with DevServer.persistent(folder) as owner:
        with DevServer.persistent(folder) as guest:
            assert (guest.attached, guest.dsn) == (True, owner.dsn)
            assert guest.version == owner.version
            with pytest.raises(DevServerError, match="did not start the server"):
                guest.stop()
        with psycopg.connect(owner.dsn) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_password_and_data_are_for_their_owner_only(folder: Path) -> None:
    with DevServer.persistent(folder):
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o077 == 0


def test_a_port_that_somebody_took_is_replaced(folder: Path) -> None:
    with DevServer.persistent(folder) as server:
        port = psycopg.conninfo.conninfo_to_dict(server.dsn)["port"]
    with socket.create_server(("127.0.0.1", int(str(port)))), DevServer.persistent(folder) as moved:
        assert psycopg.conninfo.conninfo_to_dict(moved.dsn)["port"] != port


def test_data_of_another_major_version_is_refused_by_name(folder: Path) -> None:
    with DevServer.persistent(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with (
        pytest.raises(DevServerError, match=r"made by PostgreSQL 9.*set PGQUEUE_PG_BIN"),
        DevServer.persistent(folder),
    ):
        pass


def test_a_half_made_data_folder_is_made_again(folder: Path) -> None:
    draft = folder / "data.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("interrupted\n")
    with DevServer.persistent(folder) as server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
