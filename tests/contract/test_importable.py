"""What `run="process"` refuses: handlers that another process cannot find, and contradictions."""

from __future__ import annotations

from typing import Any

import pytest

from pgqueue import ConfigError, Processors, RegistrationError
from pgqueue.processor import reachable

hidden = Processors()


def doubled(function: Any) -> Any:
    """Hide a function behind another one."""
    return lambda payload: function(function(payload))


@doubled
@hidden.process("audio", run="process")
def covered(payload: int) -> int:
    """Be registered below another decorator."""
    return payload


def test_a_nested_function_or_a_lambda_is_refused_where_it_is_registered() -> None:
    """A20: its process could not import it."""
    processors = Processors()

    def nested(payload: int) -> None: ...

    for handler in (nested, lambda payload: None):
        with pytest.raises(RegistrationError, match=r"made inside of a function.*move it out"):
            processors.process("audio", run="process")(handler)


def test_a_method_is_refused() -> None:
    """B24: its object lives in the worker."""
    processors = Processors()

    with pytest.raises(RegistrationError, match=r"Mailer\.send is a method"):
        register_method(processors)


def register_method(processors: Processors) -> None:
    def send(self: object, payload: int) -> None: ...

    send.__qualname__ = "Mailer.send"
    processors.process("audio", run="process")(send)


def test_a_handler_that_its_module_does_not_show_is_refused_at_the_start() -> None:
    """A20: another decorator stands above; the process would call something else."""
    with pytest.raises(RegistrationError, match=r"covered is not the handler.*outermost"):
        reachable([hidden])


def test_a_handler_of_the_started_program_is_refused_at_the_start() -> None:
    """A20: what was started is not imported a second time."""
    processors = Processors()

    def main(payload: int) -> None: ...

    main.__module__, main.__qualname__ = "__main__", "main"
    processors.process("audio", run="process")(main)
    with pytest.raises(RegistrationError, match=r"main is in the program that was started.*move"):
        reachable([processors])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"run": "fork"}, "run is 'fork'"),
        ({"recycle": 5}, "recycle is 5"),
        ({"run": "process", "recycle": 0}, "recycle is 0"),
        ({"run": "process", "recycle": 1.5}, r"recycle is 1\.5"),
        ({"run": "process", "transactional": True}, "exclude each other"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: Any, complaint: str) -> None:
    """B30: early, naming the option."""
    with pytest.raises(ConfigError, match=complaint):
        Processors().process("audio", **options)
