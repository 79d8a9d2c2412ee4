"""Known-wrong implementations: read, planted into a copy of the reference, judged, and shown in a demonstration."""

import ast
import contextlib
import shutil
import tempfile
import textwrap
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from ..course.manifest import Manifest
from ..course.source import find_span, locate
from ..errors import CourseError, ManifestError, UsageError
from ..names import find_nearest
from ..outputs import REPORT, ZIP, claim
from ..results import terminal
from ..results.record import Outcome
from ..results.status_line import StatusLine
from ..sandbox.parent.zygote_pool import ZygotePool
from . import run
from .submission import grade_submission


class Mistake(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One wrong implementation, or a right one where `costs` is empty.

    `find` becomes `replace` in `function`; or `body` is what stands below its docstring; or `append` is put at the
    module's end. `why` is the reason where it costs more than a fifth of the points of its function.
    """

    id: str
    title: str
    function: str
    costs: list[str]
    find: str = ""
    replace: str = ""
    append: str = ""
    body: str = ""
    why: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    mistake: list[Mistake]


@dataclass
class Trial:
    """The checks that a planted mistake cost, against those it should cost."""

    mistake: Mistake
    lost: set[str]
    messages: dict[str, str]

    @property
    def as_expected(self) -> bool:
        return self.lost == set(self.mistake.costs)


def load_mistakes(manifest: Manifest, question: str) -> list[Mistake]:
    """Read the mistakes of one question from `<id>.toml`. Raise CourseError with the file and what is wrong."""
    file = manifest.path("mistakes") / f"{question.lower()}.toml"
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_File).mistake
    except FileNotFoundError:
        raise CourseError(f"{file}: there are no known mistakes for {question}; write this file") from None
    except msgspec.DecodeError as error:
        raise CourseError(f"{file}: {error}; fix that entry") from None


def plant(mistake: Mistake, package: Path) -> None:
    """Write the mistake into a package. Raise CourseError where `find` is not there exactly once."""
    try:
        module, path = locate(package, mistake.function)
        source = module.read_text(encoding="utf-8")
        start, end = find_span(source, path)
    except LookupError as error:
        raise CourseError(f"mistake {mistake.id}: {error}; fix the name") from None
    if mistake.append:
        module.write_text(f"{source}\n\n{mistake.append}", encoding="utf-8")
        return
    text = source[start:end]
    if not mistake.body and (not mistake.find or text.count(mistake.find) != 1):
        count = text.count(mistake.find) if mistake.find else "no"
        raise CourseError(f"mistake {mistake.id}: {count} places match `find` in {mistake.function}; it must be one")
    planted = _replace_body(text, mistake.body) if mistake.body else text.replace(mistake.find, mistake.replace)
    module.write_text(source[:start] + planted + source[end:], encoding="utf-8")


def _replace_body(text: str, body: str) -> str:
    """Replace what stands below the docstring in the text of a function."""
    function = ast.parse(textwrap.dedent(text)).body[0]
    assert isinstance(function, ast.FunctionDef)  # that is what `span` finds
    first = function.body[0]
    above = first.end_lineno if ast.get_docstring(function) is not None else first.lineno - 1
    lines = text.splitlines(keepends=True)
    margin = " " * (len(lines[0]) - len(lines[0].lstrip()) + first.col_offset)
    return "".join(lines[:above]) + textwrap.indent(textwrap.dedent(body).strip("\n"), margin) + "\n"


def copy_reference(manifest: Manifest, target: Path) -> Path:
    """Copy the reference, without data, to where mistakes can be planted."""
    return Path(
        shutil.copytree(manifest.path("reference"), target, ignore=shutil.ignore_patterns("__pycache__", "datasets"))
    )


def try_mistakes(manifest: Manifest, questions: Sequence[str] = (), only: str = "") -> Iterator[Trial]:
    """Plant each mistake of some questions, all by default, or the one of an id. Raise UsageError without any."""
    names = [manifest.question(name).id for name in questions or [question.id for question in manifest.questions]]
    chosen = [(name, one) for name in names for one in load_mistakes(manifest, name) if only in ("", one.id)]
    if only and not chosen:
        near = find_nearest(only, [mistake.id for name in names for mistake in load_mistakes(manifest, name)])
        remedy = f"did you mean {near}?" if near else "fix the id, or choose its question"
        raise UsageError(f"there is no mistake {only!r} of {', '.join(names)}; {remedy}")
    with contextlib.closing(ZygotePool()) as zygotes, tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        for name, mistake in chosen:
            yield try_mistake(manifest, mistake, name, Path(folder), zygotes)


def try_mistake(
    manifest: Manifest, mistake: Mistake, question: str, folder: Path, zygotes: ZygotePool, timing: bool = True
) -> Trial:
    """Plant one mistake and run the question's checks on it."""
    package = copy_reference(manifest, folder / mistake.id / manifest.submission.packages[0])
    plant(mistake, package)
    selection = run.Selection([question], timing=timing)
    record = run.grade_package(manifest, package, selection, zygotes=zygotes, keep=True)
    shutil.rmtree(folder / mistake.id)
    failed = {check.id: check.message for check in record.checks if check.outcome is not Outcome.PASSED}
    return Trial(mistake, set(failed), failed)


def demonstrate(manifest: Manifest, out: Path) -> None:
    """Write a submission with mistakes and its results beside it; print both."""
    console = Console(highlight=False)
    chosen = choose_for_demo(manifest)
    results = claim(out.with_suffix(".json"), REPORT, [claim(out, ZIP)])
    build_demo(manifest, chosen, out)
    console.print(f"{out} holds the reference with {len(chosen)} mistakes planted:")
    for mistake in chosen:
        console.print(f"  {mistake.function}: {mistake.title}")
    console.print()
    with StatusLine() as line:
        result = grade_submission(manifest, out, results, "gradescope", line=line)
    terminal.show(result)


def choose_for_demo(manifest: Manifest) -> list[Mistake]:
    """Return the mistakes that the manifest names for the demonstration. Raise ManifestError for an unknown one."""
    known = {mistake.id: mistake for question in manifest.questions for mistake in load_mistakes(manifest, question.id)}
    for name in manifest.demo:
        if name not in known:
            near = find_nearest(name, known)
            remedy = f"did you mean {near}?" if near else "fix the name"
            raise ManifestError(f"demo: there is no mistake {name!r} in {manifest.paths.mistakes}; {remedy}")
    return [known[name] for name in manifest.demo]


def build_demo(manifest: Manifest, chosen: list[Mistake], out: Path) -> None:
    """Zip a copy of the reference with these mistakes."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        package = copy_reference(manifest, Path(folder) / manifest.submission.packages[0])
        for mistake in chosen:
            plant(mistake, package)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(filter(Path.is_file, package.rglob("*"))):
                archive.write(file, file.relative_to(folder).as_posix())


def show_trial(trial: Trial, console: Console | None = None) -> None:
    """Print one line for the mistake, one for each check it cost, and what differs from its list."""
    out = console or Console(highlight=False, soft_wrap=True)
    mark = ("as expected", "green") if trial.as_expected else ("not as expected", "red")
    out.print(Text.assemble((trial.mistake.id, "bold"), "  ", mark))
    expected = set(trial.mistake.costs)
    for check in sorted(trial.lost | expected):
        sign = "=" if check in trial.lost & expected else ("+" if check in trial.lost else "-")
        out.print(Text(f"  {sign} {check}: {trial.messages.get(check, 'passed although it should not')}"))
