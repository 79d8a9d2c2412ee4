"""Show how far a command is, in one line of the terminal that goes away; nothing in a pipe or a file."""

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from .record import CheckResult
from .terminal import make_console

COUNT = "{task.fields[count]}"
REFRESHES = 4  # in a second: the checks of speed share the processor with them


class _DoingColumn(ProgressColumn):
    """The column that says what is being done, the only one to be cut where the line is too long."""

    def render(self, task: Task) -> Text:
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class StatusLine:
    """One line below all that is printed, between `with` and its end; outside of it, all calls do nothing."""

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self.console = console or make_console()
        # a command typed into a notebook's cell has a terminal, but what it shows cannot be taken back
        in_a_cell = "JPY_PARENT_PID" in os.environ
        self._quiet = quiet or in_a_cell or not self.console.is_terminal or self.console.is_dumb_terminal
        self._live: Progress | None = None
        self._doing = "checking"

    def __enter__(self) -> Self:
        if not self._quiet:
            columns = SpinnerColumn(), _DoingColumn(table_column=Column()), BarColumn(16), TextColumn(COUNT)
            self._live = Progress(
                *columns,
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
                refresh_per_second=REFRESHES,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._live.add_task("starting", total=None, count="")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Take the line away, so that something may be asked."""
        if self._live is not None:
            self._live.stop()
        self._live = None

    def step(self, text: str) -> None:
        """Say what is being done; how much of it is left is not known before `count` says so."""
        self._doing = text
        if self._live is not None:
            self._live.update(self._task, description=text, total=None, count="")

    def advance(self, text: str, done: int, total: int) -> None:
        """Say what is being done, and how much of it is done."""
        if self._live is not None:
            self._live.update(self._task, description=text, total=total, completed=done, count=f"{done} of {total}")

    def count(self, checks: Sequence[CheckResult], total: int) -> None:
        """Say how many checks are done, of how many, and how many of them failed."""
        if self._live is not None:
            failed = sum(check.outcome.failed and not check.cause for check in checks)
            self.advance(f"{self._doing}, {failed} failed" if failed else self._doing, len(checks), total)


SILENT = StatusLine(quiet=True)
