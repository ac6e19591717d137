"""The filter of the commands on dead letters: the same options for each of them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Annotated, Any, get_type_hints

import typer

from pgqueue.outcome import Reason

Everything = Annotated[
    bool, typer.Option("--all", help="Every dead letter, for which an empty filter is not enough.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="At most so many, the oldest ids first.")
]
Rate = Annotated[float | None, typer.Option(metavar="N", help="At most so many a second.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell how many there are.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the filter's options in the place of its parameter `wanted`."""
    hints = get_type_hints(command, include_extras=True) | get_type_hints(
        words, include_extras=True
    )
    options = list(signature(words).parameters.values())
    shown: list[Parameter] = []
    for one in signature(command).parameters.values():
        shown += options if one.name == "wanted" else [one]

    def run(**given: Any) -> None:
        command(wanted=words(**{one.name: given.pop(one.name) for one in options}), **given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    parameters = [one.replace(annotation=hints[one.name]) for one in shown]
    run.__signature__ = signature(command).replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=None
    )
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def words(
    *,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    name: Annotated[str | None, typer.Option(help="Only of this name.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Only with this reason.")] = None,
    error: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only with this in the last error.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only dead for no longer: 10m, 1h, 2d.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only dead for as long: 10m, 1h, 30d.")
    ] = None,
    unhandled: Annotated[
        bool, typer.Option("--unhandled", help="Only what no dead-letter processor has handled.")
    ] = False,
    parked: Annotated[
        bool, typer.Option("--parked", help="Only what its dead-letter processor has given up.")
    ] = False,
) -> dict[str, Any]:
    """Read the filter; what is not said is not in it."""
    from pgqueue.errors import ConfigError
    from pgqueue_cli import names

    if error == "":
        raise ConfigError("--error: give a part of the error's text")
    said = {
        "queue": None if queue is None else names.queue(queue),
        "name": names.job(name),
        "reason": reason,
        "error": error,
        "newer_than": names.duration(since, "--since"),
        "older_than": names.duration(older_than, "--older-than"),
        "unhandled": unhandled or None,
        "parked": parked or None,
    }
    return {word: value for word, value in said.items() if value is not None}
