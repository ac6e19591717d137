"""What the demo shows: a progress bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from pgqueue_cli.demo.account import Line
from pgqueue_cli.terminal import WIDTH, visible

LABEL = 13
EVERY = 1.0


class Screen:
    """Writes to standard output, at most 100 columns wide."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._width = min(self._console.width, WIDTH) if self._console.is_terminal else WIDTH

    def title(self, text: str) -> None:
        """Begin a part."""
        self._print(Text(f"{text}\n", style="bold"))

    def step(self, label: str, text: str) -> None:
        """Say what has just been done."""
        head, *rest = textwrap.wrap(visible(text), self._width - LABEL - 2, break_on_hyphens=False)
        self._print(Text.assemble("  ", (label.ljust(LABEL), "cyan"), head))
        for line in rest:
            self._print(Text(f"  {'':{LABEL}}{line}"))

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how much of a total is done, for as long as the block lasts."""
        if not self._console.is_terminal:
            yield self._plain(label, total)
            return
        columns = (
            TextColumn(f"  [cyan]{label:{LABEL - 1}}"),
            BarColumn(40),
            MofNCompleteColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)

    def account(self, lines: Sequence[Line]) -> None:
        """Show every number, and those that do not add up for what they are."""
        self.title("\nThe account, counted in the tables")
        width = max(len(f"{line.counted:,}") for line in lines)
        for line in lines:
            number, verdict = f"{line.counted:>{width},}", ("ok", "green")
            if not line.adds_up:
                verdict = (f"WRONG, must be {line.expected:,}:", "bold red")
            text = Text.assemble("  ", (line.name.ljust(LABEL), "cyan"), f"{number}  ", verdict)
            self._print(text.append(f"  {line.why}"))

    def sql(self, statement: str, heading: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show a statement as one would type it, and the rows that it gave."""
        self.title(f"\n{statement}")
        cells = [[visible(str(cell)) for cell in row] for row in (heading, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        ruled = [cells[0], ["-" * width for width in widths], *cells[1:]]
        for row in ruled:
            self.say(" | ".join(map(str.ljust, row, widths)).rstrip())

    def command(self, words: str, output: str) -> None:
        """Show a command as one would type it, and what it printed."""
        self.title(f"\n$ {words}")
        for line in output.splitlines():
            self.say(line)
        self.say()

    def say(self, text: str = "", style: str = "") -> None:
        """Write a line."""
        self._print(Text(text, style=style))

    def _print(self, text: Text) -> None:
        # Not wrapped by rich: what is wide, a statement or its rows, is to be copied whole.
        self._console.print(text, soft_wrap=True)

    def _plain(self, label: str, total: int) -> Callable[[int], None]:
        said = monotonic()

        def update(done: int) -> None:
            nonlocal said
            if monotonic() - said >= EVERY:
                said = monotonic()
                self.step(label, f"{done} of {total}")

        return update
