"""Check again, on each save, what the saved file has to do with: the function just edited first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text
from watchfiles import PythonFilter
from watchfiles import watch as changes

from ..checks.choice import Selection
from ..course.manifest import Manifest
from ..course.source import Unparsable, find_definitions, list_modules, read_source
from ..errors import CourseError, UsageError
from ..results import summary, terminal
from ..results.record import CheckResult, Outcome, Record
from ..results.terminal import Indented, StatusLine
from ..sandbox.parent.zygote_pool import ZygotePool
from . import run
from .hints import Failures, Hints

POLL_MILLISECONDS = 200
LISTED = 4  # ids of checks in one line


def watch_package(manifest: Manifest, student: Path, selection: Selection | None = None) -> None:
    """Watch the package and the checks until interrupted; workers start only once.

    Where a selection is given, only that is checked, and a first time at once. Raise UsageError where it means nothing.
    """
    if selection is not None:
        run.collect_checks(manifest, selection)  # which refuses what means nothing
    out, zygotes = terminal.make_console(), ZygotePool()
    watcher = Watcher(manifest, student, selection or Selection(), zygotes, out)
    try:
        # the first look comes back at once, so that no save during a first run is missed
        places = student, manifest.path("public")
        looks = changes(*places, watch_filter=PythonFilter(), rust_timeout=POLL_MILLISECONDS, yield_on_timeout=True)
        for number, batch in enumerate(looks):
            if not number:
                out.print(f"watching {student}; save a file to check it, Ctrl-C to end", markup=False, soft_wrap=True)
                if selection is not None:
                    watcher.check([])
            files = watcher.select_saved(Path(path) for _, path in batch)
            if files:
                watcher.check(files)
    except KeyboardInterrupt:
        out.print("ended")
    finally:
        zygotes.close()


class Watcher:
    """Remembers the sources and the outcomes of the last run, to tell what was edited and what that changed."""

    def __init__(
        self, manifest: Manifest, student: Path, selection: Selection, zygotes: ZygotePool, out: Console
    ) -> None:
        self._manifest, self._student, self._selection, self._out = manifest, student, selection, out
        self._zygotes = zygotes
        self._sources = {student / module: read_source(student / module) for module in list_modules(student)}
        self._outcomes: dict[str, Outcome] = {}
        self._stamps: dict[Path, int] = {}
        self._title = ""

    def select_saved(self, files: Iterable[Path]) -> list[Path]:
        """Return the files that were saved since the last run began; the system may name one twice."""
        return [file for file in sorted(files) if self._stamps.get(file) != _read_stamp(file)]

    def check(self, files: Sequence[Path]) -> None:
        """Run the checks that some saved files have to do with, and show what came of it."""
        self._stamps = {file: _read_stamp(file) for file in [*self._sources, *files]}
        edited = [name for file in files for name in self._find_edited(file)]
        names = find_questions(self._manifest, self._student, files)
        ahead = dict.fromkeys([*edited, *_functions_of(self._manifest, self._student, files)])
        selection = replace(
            self._selection,
            questions=self._choose(names),
            ahead=list(ahead),
            modules=[module for module in (_module_of(file, self._student) for file in files) if module],
        )
        ends = [name.rpartition(".")[2] if not name.endswith("__") else name for name in edited]
        self._title = ", ".join(selection.questions or names) + (f": {', '.join(ends)}" if ends else "")
        try:
            found = self._run(selection, edited)
        except (CourseError, UsageError) as error:  # a file of checks was saved half written
            self._out.print(f"cannot check: {error}", markup=False)
            return
        self._begin_screen()
        if any(cause.module in selection.modules for cause in found.causes):
            self._out.print(*(Text(cause.message, style="bold red") for cause in found.causes), sep="\n\n")
        else:
            self._show(found, edited)

    def _run(self, selection: Selection, edited: Sequence[str]) -> Record:
        """Run the checks; on a terminal, show those of the edited functions as soon as they are done, or one hangs."""
        with StatusLine(self._out) as line:
            waiting = self._out.is_terminal and bool(edited)

            def tell(checks: Sequence[CheckResult], total: int) -> None:
                nonlocal waiting
                line.count(checks, total)
                own = [check for check in checks if not set(edited).isdisjoint(check.functions)]
                hangs = any(check.outcome is Outcome.TIMEOUT for check in own)  # so may each that is left of them
                if waiting and own and (hangs or len(own) < len(checks)):
                    waiting = False
                    self._begin_screen()
                    self._out.print(*terminal.sentences(own), Text(f"\nso far: {summary.say_passed(own)} passed"))

            subject = self._manifest, self._student, selection
            record = run.new_record(self._manifest, "watch", self._student.name)
            hints = Hints(self._manifest, Failures.read(self._manifest))
            return run.grade_package(*subject, record, zygotes=self._zygotes, keep=True, tell=tell, hints=hints)

    def _begin_screen(self) -> None:
        if self._out.is_terminal:
            self._out.clear()
        self._out.rule(self._title)

    def _choose(self, names: list[str]) -> list[str]:
        """Return the questions to check: the chosen ones, of which those of the saved file where it has any."""
        chosen, narrow = self._selection.questions, not (self._selection.keyword or self._selection.functions)
        if not chosen:
            return names if narrow else []
        wanted = [self._manifest.question(name).id for name in chosen]
        return [name for name in wanted if name in names] or wanted if narrow else wanted

    def _find_edited(self, file: Path) -> list[str]:
        """Return the course's functions that differ from the file's last version that could be read."""
        module = _module_of(file, self._student)
        if not module or not file.is_file():
            return []
        after = read_source(file)
        try:
            changed = find_changed(self._sources.get(file, b""), after)
        except Unparsable:
            return []
        self._sources[file] = after
        return [name for name in (f"{module}.{path}" for path in changed) if name in self._manifest.functions()]

    def _show(self, found: Record, edited: Sequence[str]) -> None:
        before = self._outcomes
        known = [check for check in found.checks if check.id in before]
        fixed = [c for c in known if c.outcome is Outcome.PASSED and before[c.id] is not Outcome.PASSED]
        broken = [c for c in known if not c.outcome.settled and before[c.id] is Outcome.PASSED]
        own = [check for check in found.checks if not set(edited).isdisjoint(check.functions)]
        other = [c for c in known if not c.outcome.settled and before[c.id] is not c.outcome]
        terminal.show_record(found, self._out, latest=[check.id for check in [*own, *other]])
        if before:
            self._out.print(*_tell_changes(fixed, broken), sep="\n")
        self._outcomes = before | {check.id: check.outcome for check in found.checks}


def _tell_changes(fixed: list[CheckResult], broken: list[CheckResult]) -> Iterator[RenderableType]:
    """Yield a line that says what changed since the last run, and the ids of those checks."""
    changed = [("fixed", "bold green", fixed), ("new", "bold red", broken)]
    changed = [(word, style, checks) for word, style, checks in changed if checks]
    counts = [Text(f"{word} {len(checks)}", style=style) for word, style, checks in changed]
    yield Text("Since the last run: ") + (Text(", ").join(counts) if counts else Text("nothing changed"))
    for word, _, checks in changed:
        yield Indented(Text(f"{word}: {summary.list_ids(checks, LISTED)}"))


def find_changed(before: bytes, after: bytes) -> list[str]:
    """Return the dotted paths of what a module defines and did not define so before. Raise Unparsable.

    A class counts by what is defined in it.
    """
    old, new = (_read_segments(source) for source in (before, after))
    return [path for path, text in new.items() if old.get(path) != text]


def _read_segments(source: bytes) -> dict[str, bytes]:
    lines = source.splitlines()
    return {
        path: b"\n".join(lines[found.first - 1 : found.last]).rstrip()
        for path, found in find_definitions(source).items()
    }


def _read_stamp(file: Path) -> int:
    """Return when a file was last written, 0 where it is gone."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _module_of(file: Path, student: Path) -> str:
    return ".".join(file.relative_to(student).with_suffix("").parts) if file.is_relative_to(student) else ""


def _functions_of(manifest: Manifest, student: Path, files: Iterable[Path]) -> list[str]:
    """Return the course's functions that stand in some files of the package."""
    modules = [_module_of(file, student) for file in files]
    return [name for module in modules if module for name in manifest.functions() if name.startswith(f"{module}.")]


def find_questions(manifest: Manifest, student: Path, files: Iterable[Path]) -> list[str]:
    """Return the questions with a function or checks in one of the files; all when no file tells."""
    names = {manifest.functions()[name].id for name in _functions_of(manifest, student, files)}
    names |= {q.id for q in manifest.questions for file in files if q.file == file.name}
    return [q.id for q in manifest.questions if q.id in names] or [q.id for q in manifest.questions]
