"""Sum up the checks of a record in words, the same for all renderings; as Markdown they make a report of their own."""

import re
from collections.abc import Iterable, Sequence
from unicodedata import category

from ..files import list_some
from ..limits import REPORT_TEXT_CHARACTERS, WORKER_OUTPUT_BYTES
from .record import Cause, CheckResult, Note, Outcome, Record, sum_points

TITLES = 3  # of checks that say the same, from where on a count says more
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# of underscores those around a word, of what begins an item of a list only that
MARKDOWN = re.compile(r"[\\`*\[\]<>|&#~]|(?<![^\W_])_+|_+(?![^\W_])|^[-+=]|(?<=\d)[.)](?=\s)")
TURNING = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # they reorder the text around them


def clean_text(words: str, most: int = REPORT_TEXT_CHARACTERS) -> str:
    """Return words as plain text: without terminal escapes, control and turning characters, and of bounded length."""
    words = ESCAPES.sub("", words).replace("\r\n", "\n")
    if not words.isprintable():
        kept = (c for c in words if c in "\n\t" or (category(c) not in ("Cc", "Cs") and ord(c) not in TURNING))
        words = "".join(kept)
    more = len(words) - most
    return words if more <= 0 else f"{words[:most]} … ({more:,} characters more)"


def by_function(checks: Iterable[CheckResult]) -> dict[str, list[CheckResult]]:
    """Group checks by what they judge, in order of appearance."""
    groups: dict[str, list[CheckResult]] = {}
    for check in checks:
        groups.setdefault(", ".join(check.functions), []).append(check)
    return groups


def group_rows(checks: Iterable[CheckResult]) -> dict[str, list[CheckResult]]:
    """Group a question's checks by what they judge, and into one row all that wait for the same module."""
    groups = by_function(checks)
    waiting: dict[str, list[str]] = {}
    for function, group in groups.items():
        waiting.setdefault(cause_of(group), []).append(function)
    rows: dict[str, list[CheckResult]] = {}
    for function, group in groups.items():
        alike = waiting[cause_of(group)] if cause_of(group) else [function]
        rows.setdefault(list_some(alike, 1), []).extend(group)
    return rows


def cause_of(checks: Iterable[CheckResult]) -> str:
    """Return the module that all of these checks wait for; empty where there is none."""
    causes = {check.cause for check in checks}
    return causes.pop() if len(causes) == 1 else ""


def group_failures(checks: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """Group the checks that were tried and did not pass by what they say, or by the exception that all raise.

    Those that wait for a cause say nothing.
    """
    groups: dict[tuple[Outcome, str], list[CheckResult]] = {}
    for check in checks:
        if check.outcome.told and not check.cause:
            groups.setdefault((check.outcome, check.raised or check.message), []).append(check)
    return list(groups.values())


def count_alike(checks: Sequence[CheckResult]) -> str:
    """Return how many checks of a group say the same, or raise the same with other inputs."""
    return f"{len(checks)} checks {'say' if len({check.message for check in checks}) == 1 else 'raise'} the same"


def is_wrong(check: CheckResult) -> bool:
    """Return whether a public check was run and not passed by what it judges; the first of them is where to go on."""
    return check.visibility == "public" and check.failed


def list_notes(record: Record) -> list[Note]:
    """Return the notes without those on a missing file of which the top tells as much."""
    told = [
        f"/{cause.file} is missing{';' * ('is missing;' in cause.message)}" for cause in record.causes if cause.file
    ]
    return [note for note in record.notes if not any(words in note.text for words in told)]


def explain_output(checks: Iterable[CheckResult]) -> str:
    """Say how much a student's code printed, and how to see it; empty where it printed nothing."""
    texts = [check.output for check in checks if check.output]
    many = "at least " if any(len(text.encode()) >= WORKER_OUTPUT_BYTES for text in texts) else ""
    count = count_noun(sum(len(text.splitlines()) for text in texts), "line")
    return f"Your code printed {many}{count}; python -m grader check --debug shows them." if texts else ""


def list_hints(checks: Iterable[CheckResult]) -> list[str]:
    """Return the hints to a group of checks, each once."""
    return list(dict.fromkeys(str(check.misconception) for check in checks if check.misconception))


def select_scored(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """Return the checks that are scored here; the others are not missing."""
    return [check for check in checks if check.outcome is not Outcome.NOT_SCORED]


def count_noun(number: int | float, noun: str) -> str:
    """Return a number with its noun, in the singular where it is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def count_passed(checks: Iterable[CheckResult]) -> int:
    """Return how many of some checks passed."""
    return sum(check.outcome is Outcome.PASSED for check in checks)


def say_passed(checks: Iterable[CheckResult]) -> str:
    """Return how many checks passed of those that are scored here: `all 12 checks`, `3 of 12 checks`."""
    scored = select_scored(checks)
    count = count_passed(scored)
    return f"all {count} checks" if 1 < count == len(scored) else f"{count} of {len(scored)} checks"


def points_of(checks: Sequence[CheckResult]) -> str:
    """Return what some checks earned of what they are worth: `1 / 2` or `1 / 2, 0.5 held`."""
    score, worth = sum_points(check.score for check in checks), sum_points(check.points for check in checks)
    return f"{score:g} / {worth:g}{held_of(checks)}"


def lost_of(checks: Sequence[CheckResult]) -> str:
    """Return what some checks cost: `-0.75`, `0.5 held`, `no points lost`."""
    if held := sum_points(check.held for check in checks):
        return f"{held:g} held"
    lost = sum_points([*(check.score for check in checks), *(-check.points for check in checks)])
    return f"{lost:g}" if lost else "no points lost"


def list_ids(checks: Sequence[CheckResult], most: int = 8) -> str:
    """Return the short ids of some checks: `Q1.double, Q1.square and 3 more`."""
    return list_some([check.short_id for check in checks], most)


def held_of(checks: Iterable[CheckResult]) -> str:
    """Return what stands after the points of some checks: `, 0.5 held`, or nothing."""
    held = sum_points(check.held for check in checks)
    return f", {held:g} held" if held else ""


def explain_held(record: Record, for_students: bool = False) -> str:
    """Say how many points are held, for which checks, and what staff does about it; empty where none are.

    Students do not get the ids of hidden checks.
    """
    if not record.held:
        return ""
    held = [check for check in record.checks if check.held]
    ids = ["a hidden check" if for_students and check.visibility == "hidden" else check.id for check in held]
    broken = ", ".join(dict.fromkeys(ids))
    return (
        f"{record.held:g} of {record.max_score:g} points are held, neither given nor lost: the grader made errors in "
        f"{broken}. Staff: read their `detail` in the record, fix the cause, then grade again; that settles them."
    )


def explain_causes(causes: Iterable[Cause], checks: Sequence[CheckResult]) -> list[str]:
    """Return a paragraph for each module that cannot be imported: its sentence, then how many checks wait for it."""
    paragraphs = []
    for cause in causes:
        count = sum(check.cause == cause.module for check in checks)
        words = "1 check waits" if count == 1 else f"{count} checks wait"
        paragraphs.append(f"{cause.message}\n{cause.module}: {words} for this" if count else cause.message)
    return paragraphs


def render_markdown(record: Record) -> str:
    """Return a report to keep or mail: what no check can do without, held points, a table, then what did not pass."""
    sentence = explain_held(record)
    lines = [
        f"# {_escape(record.assignment)}",
        "",
        f"{_escape(record.submission)}: **{record.score:g} of {record.max_score:g} points{held_of(record.checks)}**",
        "",
    ]
    for words in explain_causes(record.causes, record.checks):
        message, *waiting = words.splitlines()
        lines += [f"**{_escape(message)}**", "", *map(_escape, waiting), ""]
    lines += [f"**{_escape(sentence)}**", ""] if sentence else []
    lines += [f"- {_escape(note.text)}" for note in list_notes(record)] + [""] * bool(record.notes)
    lines += ["| Question | Points | Passed |", "|---|---:|---:|"]
    for question in record.questions:
        checks = [check for check in record.checks if check.question == question.id]
        name = f"**{_escape(f'{question.id} {question.title}')}**"
        lines.append(_write_row(name, f"{question.score:g} / {question.max_score:g}{held_of(checks)}", checks))
        for function, group in group_rows(checks).items():
            lines.append(_write_row(f"`{function}`", points_of(group), group))
    for checks in group_failures(record.checks):
        first = checks[0]
        title = first.title if len(checks) == 1 else f"{len(checks)} checks: {list_ids(checks, len(checks))}"
        questions = ", ".join(dict.fromkeys(check.question for check in checks))
        told = f"**{questions} {_escape(title)}** ({first.outcome.word}, {lost_of(checks)})"
        lines += ["", told, "", _quote(first.message)]
        lines += [line for words in list_hints(checks) for line in ("", f"Hint: {_escape(words)}")]
    return "\n".join(lines) + "\n"


def _write_row(name: str, points: str, checks: list[CheckResult]) -> str:
    cause = cause_of(checks)
    passed = f"waits for `{cause}`" if cause else f"{count_passed(checks)} of {len(checks)}"
    return f"| {name} | {points} | {passed} |"


def _escape(text: str) -> str:
    """Return text on one line in which nothing is read as Markdown or HTML: a submission's file names may be in it."""
    return MARKDOWN.sub(lambda found: "".join(f"\\{c}" for c in found[0]), " ".join(text.split()))


def _quote(message: str) -> str:
    """Return text a student may have had a hand in, indented so that it is shown and never read as Markdown."""
    return "\n".join(f"    {line}" for line in message.splitlines())
