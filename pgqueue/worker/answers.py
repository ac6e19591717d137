"""What handlers return: it decides about a dead letter, and means nothing for a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pgqueue.answer import Discard, Redrive
from pgqueue.host import Handler
from pgqueue.outcome import Done, Outcome
from pgqueue.processor import Processor
from pgqueue.worker import journal
from pgqueue.worker.attempt import Attempt

_DONE: Final = Done()


def answered(attempt: Attempt) -> Outcome:
    """Return what becomes of an attempt whose handler has returned."""
    delivery, processor, answer = attempt.delivery, attempt.processor, attempt.answer
    if not isinstance(answer, Redrive | Discard):
        handled = delivery.dead is not None and processor is not None and processor.discards
        return Discard() if handled else _DONE
    if attempt.completed:
        journal.answer_ignored(delivery, answer, "its transaction has ended the attempt")
    elif delivery.dead is None:
        journal.answer_ignored(delivery, answer, "it is for dead letters, and this is a job")
    else:
        return answer
    return _DONE


def without_answer(handler: Handler, processor: Processor) -> Handler:
    """Return a handler that fails in its transaction rather than have its answer ignored."""
    if processor.dead_of is None:
        return handler
    return _awaited(handler) if processor.is_async else _plain(handler)


def _awaited(handler: Handler) -> Callable[..., Any]:
    async def call(argument: Any) -> None:
        _refuse(await handler(argument))

    return call


def _plain(handler: Handler) -> Callable[..., Any]:
    def call(argument: Any) -> None:
        _refuse(handler(argument))

    return call


def _refuse(answer: object) -> None:
    if isinstance(answer, Redrive | Discard):
        raise TypeError(
            f"a transactional handler returned {type(answer).__name__}, but its transaction marks "
            "the letter as handled; leave out transactional, and open a transaction of your own"
        )
