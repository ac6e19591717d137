"""`Scope`: one context manager for both kinds of handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from types import TracebackType
from typing import Generic, TypeVar

C = TypeVar("C")


class Scope(Generic[C]):
    """Enter it with `with` in a plain `def` handler, and with `async with` in an async one."""

    def __init__(
        self,
        blocking: Callable[[], AbstractContextManager[C]],
        awaited: Callable[[], AbstractAsyncContextManager[C]],
    ) -> None:
        self._blocking = blocking
        self._awaited = awaited
        self._entered: AbstractContextManager[C] | AbstractAsyncContextManager[C] | None = None

    @classmethod
    def either(cls, make: Callable[[], AbstractContextManager[C]]) -> Scope[C]:
        """Make one of a context manager that waits for nothing, and so serves both."""

        @asynccontextmanager
        async def awaited() -> AsyncIterator[C]:
            with make() as given:
                yield given

        return cls(make, awaited)

    def __enter__(self) -> C:
        entered = self._entered = self._blocking()
        return entered.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert isinstance(self._entered, AbstractContextManager)
        return self._entered.__exit__(kind, error, trace)

    async def __aenter__(self) -> C:
        entered = self._entered = self._awaited()
        return await entered.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert isinstance(self._entered, AbstractAsyncContextManager)
        return await self._entered.__aexit__(kind, error, trace)
