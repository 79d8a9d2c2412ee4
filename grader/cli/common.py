"""Share what all commands need: exit statuses, the option -q, the course and the package they work on."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..course import manifest as manifests
from ..course.manifest import Manifest, Question
from ..course.source import locate
from ..errors import ChainruleError, UsageError, require_libraries
from ..files import is_utf8, make_printable

FAILED, CANNOT_RUN = 1, 2


def find_course() -> Manifest:
    """Return the manifest of the course in which the command is given. Raise CourseNotFound where there is none."""
    return manifests.load_manifest(require_utf8_path(manifests.find_manifest(Path.cwd())))


def find_whole_course() -> Manifest:
    """Return the same where the course has its reference. Raise CourseError in a student's copy."""
    manifest = find_course()
    manifest.require_reference()
    return manifest


def choose_questions(manifest: Manifest, names: Sequence[str] | None) -> list[Question]:
    """Return the questions of these ids, all without any.

    Raise UsageError for an unknown id, NotInstalled where a library of theirs is missing.
    """
    questions = [manifest.question(name) for name in names] if names else manifest.questions
    users: dict[str, list[str]] = {}
    for question in questions:
        for library in question.libraries:
            users.setdefault(library, []).append(question.id)
    require_libraries(users)
    return questions


def forbid_words(manifest: Manifest, words: Sequence[str]) -> None:
    """Raise UsageError for words that were given without an option."""
    for word in words:
        from ..checks.choice import advise_option  # takes a second, which others need not wait

        raise UsageError(advise_option(word, [question.id for question in manifest.questions], manifest.functions()))


def forbid_together(option: str, others: Mapping[str, object]) -> None:
    """Raise UsageError where one of these options is given beside another that it contradicts."""
    for name, value in others.items():
        if value:
            raise UsageError(f"{option} and {name} contradict each other; leave one of them out")


def locate_package(manifest: Manifest, folder: Path | None) -> Path:
    """Return the package to check, the manifest's by default. Raise UsageError where it is none."""
    place = folder or manifest.path("student")
    if not place.is_dir():
        raise UsageError(f"{place} is not a folder; give the package's folder with --student")
    resolved = require_utf8_path(place.resolve())
    if folder is not None and not _holds_package(manifest, place):
        inner = [place / name for name in manifest.submission.packages if _holds_package(manifest, place / name)]
        remedy = f"did you mean {inner[0]}?" if inner else "give the package's folder with --student"
        names = dict.fromkeys(name.partition(".")[0] for name in manifest.functions())
        raise UsageError(f"{place} holds no package of this course, which has {', '.join(names)}; {remedy}")
    return resolved


def _holds_package(manifest: Manifest, folder: Path) -> bool:
    """Return whether a folder has a module with a function of the course, written or not."""
    for name in manifest.functions():
        with contextlib.suppress(LookupError):
            locate(folder, name)
            return True
    return False


def require_utf8_path(place: Path) -> Path:
    """Return the path itself. Raise UsageError where it is not UTF-8, since requests to workers are."""
    if not is_utf8(str(place)):
        shown = make_printable(str(place))
        raise UsageError(f"{shown}: its path holds a byte that is no UTF-8; rename that folder")
    return place


def _complete_question(incomplete: str) -> list[str]:
    """Return the ids that begin so, for a shell that completes them; none outside of a course."""
    before, comma, last = incomplete.rpartition(",")
    try:
        ids = [question.id for question in find_course().questions]
    except ChainruleError:
        return []
    given = before.split(",")
    return [f"{before}{comma}{name}" for name in ids if name.startswith(last) and name not in given]


def _split_at_commas(names: list[str] | None) -> list[str] | None:
    """Return the ids of `-q Q1,Q2` and `-q Q1 -q Q2` alike."""
    return names and [part for name in names for part in name.replace(",", " ").split() or [name]]


QUESTIONS = Annotated[
    list[str] | None,
    typer.Option(
        "-q",
        "--question",
        metavar="<id>",
        help="Only this question; repeatable, or several with commas.",
        autocompletion=_complete_question,
        callback=_split_at_commas,
    ),
]
