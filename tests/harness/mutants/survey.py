"""Plants every mutant of the NumPy functions and lists those that no check rejects."""

import ast
import contextlib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grader.course.manifest import Manifest, Question
from grader.course.source import find_span, locate
from grader.grading.forks import ForkedJudge
from grader.grading.mistakes import planted
from grader.results.record import Outcome

from .mutate import Mutant, mutants

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
QUESTIONS = ("Q1", "Q2", "Q3", "Q4")
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"


class Equivalent(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Mutants that no check needs to reject, and why; `after` names one, without it all of this statement are meant."""

    function: str
    before: str
    reason: str
    after: str = ""

    def matches(self, mutant: str) -> bool:
        start = f"{self.function}: {self.before} -> "
        return mutant == start + self.after if self.after else mutant.startswith(start)


@dataclass
class Survey:
    """How many mutants there were, and the names of those that passed every check."""

    count: int
    survivors: list[str]


def equivalents() -> list[Equivalent]:
    """The mutants that may survive."""
    return msgspec.toml.decode(EQUIVALENT.read_bytes(), type=dict[str, list[Equivalent]])["equivalent"]


def unexplained(survivors: list[str]) -> list[str]:
    """The survivors that are not listed."""
    known = equivalents()
    return [mutant for mutant in survivors if not any(entry.matches(mutant) for entry in known)]


def survey(manifest: Manifest, questions: Sequence[Question], only: str = "") -> Survey:
    """Plants the mutants of some questions' functions, or of one function, and runs the questions' checks on each.

    Raises CourseError where the reference itself fails a check.
    """
    found, judges = Survey(0, []), [ForkedJudge(manifest, question.id, second_looks=False) for question in questions]
    with planted(manifest) as package:
        for mutant in (mutant for question in questions for mutant in all_mutants(manifest, question)):
            if only in ("", mutant.function):
                found.count += 1
                if survives(judges, package, mutant):
                    found.survivors.append(mutant.name)
    return found


def survives(judges: Sequence[ForkedJudge], package: Path, mutant: Mutant) -> bool:
    """Whether every check passes with the mutant planted in the package."""
    with plant_mutant(package, mutant):
        for judge in judges:
            checks = judge.judge(package, mutant.function, first=True)
            # A check may be blocked, since without second looks the function below is to blame: it earns nothing too.
            if checks is None or any(check.outcome is not Outcome.PASSED for check in checks):
                return False
    return True


@contextlib.contextmanager
def plant_mutant(package: Path, mutant: Mutant) -> Iterator[None]:
    """Plants a mutant in a package, which is put right again."""
    module, path = locate(package, mutant.function)
    text = module.read_text()
    start, end = find_span(text, path)
    indent = " " * 4 * (len(path) - 1)
    module.write_text(f"{text[:start]}{textwrap.indent(mutant.source, indent)}\n{text[end:]}")
    try:
        yield
    finally:
        module.write_text(text)


def all_mutants(manifest: Manifest, question: Question) -> Iterator[Mutant]:
    """The mutants of what students write for a question; a helper belongs to the judged function after it."""
    reference = manifest.path("reference")
    modules = dict.fromkeys(locate(reference, name)[0] for name in question.functions)
    for module in modules:
        text = module.read_text()
        written, prefix = _written(text), ".".join(module.relative_to(reference).with_suffix("").parts)
        helpers: list[str] = []
        for name in _functions(ast.parse(text)):
            helpers.append(f"{prefix}.{name}")
            if f"{prefix}.{name}" not in manifest.functions():
                continue
            for function in helpers if f"{prefix}.{name}" in question.functions else []:
                start, end = find_span(text, locate(reference, function)[1])
                first = text.count("\n", 0, start)
                lines = {line - first for line in written}
                yield from mutants(function, textwrap.dedent(text[start:end]), lines)
            helpers = []


def _written(text: str) -> set[int]:
    """The numbers of the lines that students write."""
    lines, inside = set(), False
    for number, line in enumerate(text.splitlines(), start=1):
        inside = (inside or line.strip() == BEGIN) and line.strip() != END
        if inside:
            lines.add(number)
    return lines


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{node.name}.")
