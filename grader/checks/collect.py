"""What pytest collects as a check: its Check record, the functions it judges, the points it is worth."""

import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
import pytest

from ..course.manifest import Manifest, Question, to_fraction, to_number
from ..errors import ChecksError
from ..results.outcome import Outcome
from ..results.record import Check
from ..sandbox.parent.client import WorkerClient
from .marker import Worth, worth

if TYPE_CHECKING:
    from .plugin import ChecksPlugin

STATE = pytest.StashKey["State"]()


class State:
    """A check on its way: what it judges, its worker, and the seed it is being run with.

    Its inputs are nobody's to know where the seed is `secret`, or where it draws `unpublished` ones besides.
    """

    def __init__(self, check: Check, mark: Worth, libraries: tuple[str, ...]) -> None:
        self.check, self.judged, self.libraries = check, mark.functions, libraries
        self.timing, self.once = mark.timing, mark.once or mark.timing
        self.worker: WorkerClient | None = None
        self.seed, self.secret, self.unpublished = 0, False, False
        self.remark = ""

    def copy(self) -> "State":
        """The same check on another way: what is written to this one's state and record stays there."""
        twin = copy.copy(self)
        twin.check = msgspec.structs.replace(self.check)
        return twin


@dataclass(frozen=True)
class Writer:
    """A fixture's value that writes into the check it was made for."""

    checks: "ChecksPlugin"
    state: State

    def rebound(self, state: State) -> Self:
        """The same, writing into the check of another state."""
        return replace(self, state=state)


def loading_problem(report: pytest.CollectReport) -> str:
    """What keeps a file of checks from being loaded; empty where nothing does."""
    if not report.failed:
        return ""
    return f"{report.nodeid}: the checks cannot be loaded; mend this first:\n{report.longreprtext}"


def describe(item: pytest.Item, manifest: Manifest) -> State:
    """The check of a collected item; raises ChecksError naming the file and what its marker lacks."""
    file = Path(item.path)
    mark = worth(item)
    question = next((q for q in manifest.questions if q.file == file.name), None)
    if question is None:
        raise ChecksError(f"{file}: no question of the manifest has a file of that name; rename one of them")
    if mark is None:
        raise ChecksError(f"{file}: {item.name} has no @points(value, function); add it")
    for name in mark.functions:
        if name not in manifest.functions():
            raise ChecksError(f"{file}: {item.name} judges {name}, which no question lists; mend one of them")
    hidden = manifest.path("hidden") in file.parents
    check = Check(
        id=f"{'hidden/' if hidden else ''}{file.stem.removeprefix('test_')}/{item.name.removeprefix('test_')}",
        title=_title(item),
        functions=list(mark.functions),
        question=question.id,
        visibility="hidden" if hidden else "public",
        points=mark.points,
        score=0,
        outcome=Outcome.GRADER_ERROR,
        message="the check did not run",
    )
    return State(check, mark, tuple(question.libraries))


def _title(item: pytest.Item) -> str:
    text = (item.function.__doc__ or item.name).strip().splitlines()[0]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    try:
        return text.format(**parameters) if parameters else text
    except (LookupError, ValueError):
        names = ", ".join(parameters)
        raise ChecksError(
            f"{item.path}: the docstring of {item.name} may name {names} in braces, nothing else"
        ) from None


def check_points(states: list[State], questions: list[Question], manifest: Manifest) -> None:
    """Compares the markers' points with the manifest, question by question; raises ChecksError on a difference."""
    folders = [visibility for visibility in ("public", "hidden") if manifest.path(visibility).is_dir()]
    for question in questions:
        for visibility in folders:
            checks = [s.check for s in states if (s.check.question, s.check.visibility) == (question.id, visibility)]
            found = sum((to_fraction(check.points) for check in checks), Fraction(0))
            declared = to_fraction(getattr(question, f"{visibility}_points"))
            if found != declared:
                raise ChecksError(
                    f"questions {question.id}.{visibility}_points: the {visibility} checks add up to {to_number(found)}"
                    f", not {to_number(declared)}; mend the checks' points or this key"
                )
