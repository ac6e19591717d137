"""`Topic`, its subscribers, and listeners: what is declared, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from pgqueue import ConfigError, Job, Processors, Queue, RegistrationError, Topic
from pgqueue.audience import Audience
from pgqueue.processor import reachable


@dataclass(frozen=True)
class UserCreated:
    topic: ClassVar[str] = "user.created"
    id: int


@dataclass(frozen=True)
class AdminCreated(UserCreated):
    rights: str = "all"


@dataclass(frozen=True)
class Nameless:
    id: int


USER_CREATED = Topic("user.created", UserCreated)


async def greet(event: UserCreated) -> None: ...
def note(event: UserCreated) -> None: ...
def of_another(event: Nameless) -> None: ...
def of_a_job(event: Job[UserCreated]) -> None: ...


@pytest.mark.parametrize(
    "name", ["user.created", "app.user.created", "notifications.email.send", "audio-preview_2"]
)
def test_names_with_dots_and_signs_are_topics(name: str) -> None:
    """D27: the same rules as for a queue."""
    assert Topic(name).name == name
    assert Topic(name).queue == Queue(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a\n", "a" * 49, "user.dead", None, 7])
def test_a_name_that_cannot_be_is_refused(name: Any) -> None:
    """D01, D27: an empty topic raises."""
    with pytest.raises(ValueError, match=r"(topic|queue) name .* "):
        Topic(name)


def test_a_subscriber_is_a_processor_of_the_topics_name_on_its_own_queue() -> None:
    """D02, D07: with every option of a processor."""
    processors = Processors()
    mails = processors.subscribe(USER_CREATED, queue="mails", attempts=2, concurrency=3)
    assert mails(greet) is greet
    processors.subscribe(USER_CREATED, queue="audit", retries=7)(note)
    first, second = processors
    assert (first.address, first.topic) == (("mails", "user.created"), "user.created")
    assert (first.policy.attempts, first.concurrency) == (2, 3)
    assert (second.address, second.policy.attempts) == (("audit", "user.created"), 8)


def test_a_bare_name_of_a_topic_takes_any_handler() -> None:
    processors = Processors()
    processors.subscribe("user.created", queue="mails")(of_another)
    [processor] = processors
    assert processor.codec.decode(b'{"id":1}') == Nameless(1)


@pytest.mark.parametrize(
    ("declare", "error", "reason"),
    [
        (
            lambda one: one.subscribe(USER_CREATED, queue="mails")(of_another),
            RegistrationError,
            "takes Nameless, but topic 'user.created' carries UserCreated",
        ),
        (
            lambda one: one.subscribe(USER_CREATED, queue="mails", name="x"),
            TypeError,
            r"subscribe\('user.created'\): unknown option name",
        ),
        (lambda one: one.subscribe(USER_CREATED, queue="a b"), ValueError, "queue name 'a b'"),
        (lambda one: one.subscribe("", queue="mails"), ValueError, "topic name ''"),
        (lambda one: one.subscribe(USER_CREATED, queue="a", attempts=0), ConfigError, "attempts"),
        (
            lambda one: one.listen(Nameless, queue="mails"),
            RegistrationError,
            "Nameless declares no topic",
        ),
        (
            lambda one: one.listen(AdminCreated, queue="mails"),
            RegistrationError,
            "AdminCreated declares no topic",
        ),
        (
            lambda one: one.listen(UserCreated, attempts=3),
            TypeError,
            "attempts needs a queue",
        ),
        (
            lambda one: one.listen(UserCreated)(of_a_job),
            RegistrationError,
            "an inline listener runs for none",
        ),
        (
            lambda one: one.listen(UserCreated)(of_another),
            RegistrationError,
            "takes Nameless, but event UserCreated carries UserCreated",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_at_the_declaration(
    declare: Callable[[Processors], Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        declare(Processors())


def test_two_subscribers_of_a_topic_cannot_share_a_queue() -> None:
    """B20: they would share the copies, and each see half of them."""
    processors = Processors()
    processors.subscribe(USER_CREATED, queue="mails")(greet)
    processors.subscribe(USER_CREATED, queue="mails")(note)
    with pytest.raises(RegistrationError, match=r"two processors for mails/user\.created"):
        reachable([processors])


def test_a_queue_may_serve_several_topics_and_jobs_of_its_own() -> None:
    processors = Processors()
    processors.subscribe(USER_CREATED, queue="mails")(greet)
    processors.subscribe("user.deleted", queue="mails")(note)
    processors.process("mails")(note)
    found = reachable([processors])
    assert set(found) == {("mails", "user.created"), ("mails", "user.deleted"), ("mails", None)}


def test_only_what_is_included_hears() -> None:
    """A30: subscribers and listeners of other sets stay inert."""
    included, other = Processors(), Processors()
    for one, queue in ((included, "mails"), (other, "audit")):
        one.listen(UserCreated)(note)
        one.listen(UserCreated, queue=queue)(greet)
    audience = Audience()
    audience.include(included, included)
    assert audience.queues("user.created") == ["mails"]
    inline, topic = audience.of_event(UserCreated(1))
    assert [one.call for one in inline] == [note]
    assert topic == USER_CREATED


def test_a_derived_event_is_heard_as_what_it_derives_from() -> None:
    """C20: under the name that its class declares, never a Python path."""
    processors = Processors()
    processors.listen(UserCreated)(note)
    audience = Audience()
    audience.include(processors)
    inline, topic = audience.of_event(AdminCreated(1))
    assert [one.call for one in inline] == [note]
    assert topic == USER_CREATED


def test_an_event_that_nobody_could_hear_is_refused() -> None:
    with pytest.raises(RegistrationError, match=r"nobody can hear Nameless.* call include"):
        Audience().of_event(Nameless(1))


def test_a_method_listens_once_its_object_is_bound() -> None:
    """B24: as for processors."""
    processors = Processors()
    audience = Audience()
    audience.include(processors)
    heard: list[object] = []
    Clerk = type("Clerk", (), {"__module__": __name__})

    def hear(self: object, event: UserCreated) -> None:
        heard.append(event)

    hear.__qualname__ = "Clerk.hear"
    processors.listen(UserCreated)(hear)
    with pytest.raises(RegistrationError, match="bind an instance of Clerk"):
        audience.of_event(UserCreated(1))
    processors.bind(Clerk())
    [told] = audience.of_event(UserCreated(1))[0]
    told.call(UserCreated(1))
    assert heard == [UserCreated(1)]
