"""Which processors a worker reaches: those that it includes, each alone at its address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pgqueue import Processors, Queue, RegistrationError
from pgqueue.processor import reachable
from pgqueue.seam import Delivery
from pgqueue.worker.attempt import wanted

MAIL: Queue[Any] = Queue("mail")


def catch_all(payload: Any) -> None: ...
def welcome(payload: Any) -> None: ...
def again(payload: Any) -> None: ...


class Mailer:
    def send(self, payload: Any) -> str:
        return f"sent {payload}"


def including(*handlers: Any, name: str | None = None, queue: str = "mail") -> Processors:
    processors = Processors()
    for handler in handlers:
        processors.process(queue, name=name)(handler)
    return processors


def test_only_included_sets_are_reachable() -> None:
    """A30, B18: importing a module is not including it."""
    included, other = including(catch_all), including(again, queue="sms")
    assert set(reachable([included])) == {("mail", None)}
    assert set(reachable([included, other])) == {("mail", None), ("sms", None)}
    assert reachable([]) == {}


def test_a_duplicate_in_a_set_that_is_not_included_does_no_harm() -> None:
    """B18: what this worker cannot reach cannot stop it."""
    included, other = including(catch_all), including(again)
    assert [one.label.rpartition(".")[2] for one in reachable([included]).values()] == ["catch_all"]
    with pytest.raises(RegistrationError):
        reachable([included, other])


@pytest.mark.parametrize(("name", "address"), [(None, "mail"), ("hello", "mail/hello")])
def test_two_processors_of_one_address_are_refused_naming_both(
    name: str | None, address: str
) -> None:
    """B20, F6: whether they are in one set or in two."""
    one, other = including(catch_all, name=name), including(again, name=name)
    both = including(catch_all, again, name=name)
    for included in ([one, other], [both]):
        with pytest.raises(
            RegistrationError, match=rf"two processors for {address}: \S+catch_all and \S+again; "
        ):
            reachable(included)


def test_a_set_that_is_included_twice_is_there_once() -> None:
    included = including(catch_all)
    assert len(reachable([included, included])) == 1


def test_the_exact_name_is_wanted_before_the_catch_all() -> None:
    """E04, F12: and what nobody names goes to the catch-all, or to nobody."""
    named, rest = including(welcome, name="welcome"), including(catch_all)
    both = reachable([named, rest])
    assert getattr(wanted(both, delivery("welcome")), "handler", None) is welcome
    assert getattr(wanted(both, delivery("reset")), "handler", None) is catch_all
    assert getattr(wanted(both, delivery(None)), "handler", None) is catch_all
    assert wanted(reachable([named]), delivery("reset")) is None


def test_what_is_reachable_is_a_snapshot() -> None:
    """B39: a handler that comes too late raises, and is never half there."""
    included = including(catch_all)
    found = reachable([included])
    included.close()
    with pytest.raises(RegistrationError, match="welcome was added after a worker had started"):
        included.process(MAIL, name="welcome")(welcome)
    assert set(found) == {("mail", None)}
    assert len(list(included)) == 1


def test_a_method_without_its_object_is_refused_naming_it() -> None:
    """B24: at boot, not at the first job."""
    included = including(Mailer.send)
    with pytest.raises(RegistrationError, match=r"Mailer\.send is a method: bind an instance of"):
        reachable([included])
    with pytest.raises(RegistrationError, match="int has no handler in this set"):
        included.bind(7)
    included.bind(Mailer())
    assert reachable([included])["mail", None].resolve()("x") == "sent x"


def test_a_resolver_gives_the_object_of_a_method() -> None:
    """B24: an injector's get, or the class itself."""
    found = reachable([including(Mailer.send)], lambda kind: kind())
    assert found["mail", None].resolve()("x") == "sent x"


def delivery(name: str | None) -> Delivery:
    return Delivery(
        1, 1, "mail", name, 5, 1, 1, None, None, None, "{}", datetime.now(UTC), False, False
    )
