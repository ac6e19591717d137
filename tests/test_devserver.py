from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgqueue.devserver import DevServer, DevServerError, account
from tests.places import open_to_all


@pytest.fixture(scope="module")
def throwaway() -> Iterator[DevServer]:
    with DevServer.throwaway(durable=True, settings={"max_connections": "17"}) as server:
        yield server


def ask(server: DevServer, question: str) -> object:
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def data_folder(server: DevServer) -> Path:
    return Path(str(ask(server, "show data_directory")))


def test_a_throwaway_server_lets_us_in_and_says_its_version(throwaway: DevServer) -> None:
    assert str(ask(throwaway, "show server_version")).startswith(throwaway.version)


def test_settings_reach_the_server(throwaway: DevServer) -> None:
    assert ask(throwaway, "show max_connections") == "17"


def test_a_durable_throwaway_server_syncs_and_a_plain_one_does_not(throwaway: DevServer) -> None:
    assert ask(throwaway, "show fsync") == "on"
    with DevServer.throwaway() as forgetful:
        assert ask(forgetful, "show fsync") == "off"


def test_the_server_is_reachable_over_loopback_only(throwaway: DevServer) -> None:
    assert ask(throwaway, "show listen_addresses") == "127.0.0.1"
    assert ask(throwaway, "show unix_socket_directories") == ""


def test_a_wrong_password_is_turned_away(throwaway: DevServer) -> None:
    wrong = psycopg.conninfo.make_conninfo(throwaway.dsn, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="authentication"):
        psycopg.connect(wrong)


def test_the_server_runs_as_a_user_that_is_not_root(throwaway: DevServer) -> None:
    assert data_folder(throwaway).stat().st_uid == account.owner() != 0


@pytest.mark.parametrize("stop", ["restart", "crash"])
def test_commits_outlive_a_stop_and_the_connection_string_stays(
    throwaway: DevServer, stop: str
) -> None:
    before = throwaway.dsn
    with psycopg.connect(before) as connection:
        connection.execute(f"create table {stop} as select 1 as one")
    if stop == "restart":
        throwaway.restart()
    else:
        throwaway.crash()
        throwaway.start()
    assert throwaway.dsn == before
    assert ask(throwaway, f"select one from {stop}") == 1


def test_a_crashed_server_refuses_connections_until_it_is_started(throwaway: DevServer) -> None:
    throwaway.crash()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(throwaway.dsn)
    throwaway.start()
    assert ask(throwaway, "select 1") == 1


def test_starting_a_running_server_is_an_error(throwaway: DevServer) -> None:
    with pytest.raises(DevServerError, match="runs already"):
        throwaway.start()


def test_a_throwaway_server_leaves_nothing_behind() -> None:
    with DevServer.throwaway() as server:
        folder = data_folder(server).parent
        dsn = server.dsn
        assert folder.exists()
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_a_setting_that_the_server_refuses_is_reported_with_its_own_words() -> None:
    with (
        pytest.raises(DevServerError, match="no_such_setting"),
        DevServer.throwaway(settings={"no_such_setting": "1"}),
    ):
        pass


def test_neither_rows_nor_statements_reach_the_servers_log(throwaway: DevServer) -> None:
    with psycopg.connect(throwaway.dsn) as connection:
        connection.execute("create temporary table once (payload text unique)")
        connection.execute("insert into once values ('secret payload')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into once values ('secret payload')")
    log = (data_folder(throwaway).parent / "log").read_text()
    assert "duplicate key" in log
    assert "secret payload" not in log


def test_the_password_shows_in_no_description_of_the_server(throwaway: DevServer) -> None:
    password = psycopg.conninfo.conninfo_to_dict(throwaway.dsn)["password"]
    assert str(password) not in repr(throwaway)


def test_two_servers_run_side_by_side(throwaway: DevServer) -> None:
    with open_to_all() as folder, DevServer.persistent(folder) as other:
        assert ask(other, "show port") != ask(throwaway, "show port")
