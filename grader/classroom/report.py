"""Say in lines of text how a class stands: while it is graded, after a run, at any time, and for one student."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from ..files import find_nearest, list_lines, make_printable
from ..results.record import NoteKind, sum_points
from ..results.summary import count_noun
from .batch import MarkChange, Tally
from .sources import Export
from .store import say_command
from .view import ClassRun, JobEnding, State, StoredSubmission, StoreView

SHOWN, LISTED = 5, 20
GRADED_OF = {
    "canvas": "Of Canvas's files, named as in adaada_123_456_code.zip, each student's last zip or else file is graded",
    "moodle": "Of Moodle's files, those named as in Ada Ada_123_assignsubmission_file_ are graded",
    "gradescope": "Of Gradescope's export, folders are graded",
    "folder": "In a folder, zips and folders are graded",
}
WORDS = {State.TODO: "to do", State.RUNNING: "being graded", State.SUPERSEDED: "superseded by a later one"}


def describe_progress(tally: Tally) -> str:
    """Return a line on a run under way: its rate, what is left, what fails most, what went wrong."""
    done, left = tally.done, tally.seconds_left
    if left is None:
        return "grading"
    parts = [f"grading, {done / max(tally.seconds, 1e-9) * 60:.1f} a minute, about {say_seconds(left)} left"]
    parts += [f"{tally.states[s]} {s.value}" for s in (State.REFUSED, State.FAILED) if tally.states[s]]
    parts += [f"most failed: {name} ({number})" for name, number in tally.failing.most_common(1)]
    return "; ".join(parts)


def describe_ending(ending: JobEnding) -> str:
    """Return what went wrong with a submission; empty where it was graded whole."""
    if ending.state is State.FAILED:
        return f"failed: {ending.key}: {ending.problem}"
    if ending.record and ending.state is State.REFUSED:
        reasons = [note.text for note in ending.record.notes if note.kind is NoteKind.REFUSED]
        return f"refused: {ending.key}: {' '.join(reasons)}"
    if ending.record and ending.record.held:
        return f"held: {ending.key}: {ending.record.held:g} points, since the grader made an error"
    return ""


def describe_run(tally: Tally, folder: Path) -> Iterator[str]:
    """Yield what one run has done, told apart from what earlier runs did."""
    parts = ", ".join(f"{tally.states[state]} {state.value}" for state in State if tally.states[state])
    earlier = f"; {count_noun(tally.earlier, 'mark')} by earlier runs" if tally.earlier else ""
    states_said = f" ({parts})" if parts else ""
    yield f"This run: {tally.done} of {tally.chosen} in {say_seconds(tally.seconds)}{states_said}{earlier}."
    if scores := tally.scores:
        yield f"Points: {min(scores):g} to {max(scores):g}, median {median(scores):g}."
    if tally.failing:
        yield f"Most failed: {', '.join(f'{name} ({number})' for name, number in tally.failing.most_common(SHOWN))}."
    if tally.unmarked:
        yield f"{tally.unmarked} without a mark, since the grader failed: {say_command(folder, 'regrade', '--held')}"
    if tally.changed:
        yield explain_changed(tally.changed, folder)
    if tally.interrupted:
        yield f"Stopped with {tally.chosen - tally.done} to do; the same command goes on where this one ended."


def explain_left_out(export: Export) -> str:
    """Return a sentence on what lies in an export and is no submission; empty where all are."""
    if not export.left_out:
        return ""
    return f"Not graded: {', '.join(export.left_out)}. {GRADED_OF[export.kind]}."


def explain_changed(changed: int, folder: Path) -> str:
    """Return a sentence on marks of an earlier course than today's."""
    marks, command = count_noun(changed, "mark"), say_command(folder, "regrade", "--changed")
    return f"Changed checks, manifest, reference or engine may alter {marks}: {command}"


def describe_changes(changes: Iterable[MarkChange]) -> Iterator[str]:
    """Yield who gains and loses how much, the largest changes first, and what could not be graded again."""
    changes = sorted(changes, key=lambda change: -abs(change.gain))
    for change in changes:
        record, one = change.after.record, change.before
        if not change.writable:
            yield f"{one.key} ({one.names}): could not be graded again, so its mark stays: {change.after.problem}"
        elif record is None:
            yield f"{one.key} ({one.names}): still no mark: {change.after.problem}"
        elif change.gain or record.held != one.held or not one.state.counts:
            old = f"{one.score:g}" if one.state.counts else "no mark"
            held = f", {record.held:g} held" if record.held else ""
            yield f"{one.key} ({one.names}): {old} -> {record.score:g} ({change.gain:+g}{held})"
    gaining, losing = (sum(sign * change.gain > 0 for change in changes) for sign in (1, -1))
    same = len(changes) - gaining - losing
    yield f"{count_noun(len(changes), 'submission')} graded again: {gaining} gain, {losing} lose, {same} stay."


def explain_nothing(tally: Tally, held: bool) -> str:
    """Return why a regrade has written nothing."""
    if tally.interrupted:
        return "stopped, and nothing was written; the same command goes on where this one ended"
    if tally.chosen and tally.states[State.FAILED] == tally.chosen:
        return "nothing was written: no submission could be graded again"
    if not tally.chosen:
        words = "no points are held, and the grader failed nowhere" if held else "no mark depends on what has changed"
        return f"nothing to grade again, and nothing was written: {words}"
    return "nothing was written; the same command asks again, and with --yes it writes"


def explain_nobody(store: StoreView, who: str) -> str:
    """Return a sentence on a name that nobody has, with the one that comes nearest."""
    known = {text for one in store.submissions() for text in (one.key, *(person.name for person in one.people))}
    near = find_nearest(who, known)
    folder = store.file.parent
    table = f"everybody stands in the table of: {say_command(folder, 'gradebook')}"
    remedy = f"perhaps {make_printable(near)}" if near else table
    return f"nobody in {folder} is called {make_printable(who)!r}; {remedy}"


def describe_status(store: StoreView, holder: str, changed: int) -> Iterator[str]:
    """Yield how a class stands: `holder` grades it just now, and today's course may alter so many `changed` marks."""
    batch, found, runs, folder = store.batch(), store.submissions(), store.runs(), store.file.parent
    yield f"{batch.assignment}: {count_noun(len(found), 'submission')} from {batch.source} ({batch.kind})"
    counts = Counter(one.state for one in found)
    if not holder:  # what a killed run has left is to do again
        counts[State.TODO] += counts.pop(State.RUNNING, 0)
    yield ", ".join(f"{counts[state]} {state.value.replace('todo', 'to do')}" for state in State if counts[state])
    yield from _describe_last_run(found, runs, holder)
    scores = [one.score for one in found if one.state.counts]
    if scores:
        lowest, highest, middle = min(scores), max(scores), median(scores)
        yield f"Points of {len(scores)}: {lowest:g} to {highest:g} of {batch.max_score:g}, median {middle:g}."
    held = [one for one in found if one.state.counts and one.held]
    if held:
        points = sum_points(one.held for one in held)
        whose = count_noun(len(held), "submission")
        yield f"{whose} with {points:g} points held by grader errors: {say_command(folder, 'regrade', '--held')}"
    failed = [f"failed: {one.key}: {one.problem}" for one in found if one.state is State.FAILED]
    yield from list_lines(failed, LISTED)
    if failed:
        command = say_command(folder, "regrade", "--held")
        yield f"{counts[State.FAILED]} without a mark, since the grader failed: {command}"
    if changed:
        yield explain_changed(changed, folder)
    if counts[State.TODO] and not holder:
        yield f"{counts[State.TODO]} to do: {say_command(folder, 'grade', str(batch.source))}"


def _describe_last_run(found: list[StoredSubmission], runs: list[ClassRun], holder: str) -> Iterator[str]:
    """Yield a line on the last run: what it has graded itself, and how long the rest takes."""
    if not runs:
        return
    run, own = runs[-1], [one for one in found if one.run == runs[-1].id]
    earlier = sum(one.state.counts and one.run != run.id for one in found)
    line = (
        f"{len(own)} of {run.chosen} by the run of {run.started[:16].replace('T', ' ')} UTC, {earlier} by earlier runs"
    )
    if not holder:
        ended = "" if run.ended else "; it did not end by itself"
        yield f"Graded {line}{ended}."
        return
    seconds = (datetime.now(UTC) - datetime.fromisoformat(run.started)).total_seconds()
    left = say_seconds(max(0, seconds) / len(own) * (run.chosen - len(own))) if own else "unknown"
    yield f"Graded just now by {holder}: {line}; left: {left}."


def list_found(found: list[StoredSubmission], folder: Path) -> Iterator[str]:
    """Yield a line on each of several submissions that a word may mean, and how to choose one."""
    for one in found[:LISTED]:
        mark = f", {one.score:g} points" if one.state.counts else ""
        numbers = [(p.name, p.sid or p.email or p.user) for p in one.people]
        people = ", ".join(f"{name} ({number})" if number else name for name, number in numbers) or one.names
        yield f"{one.key}: {people}: {WORDS.get(one.state, one.state.value)}{mark}"
    more = f", of which these are the first {LISTED}" if len(found) > LISTED else ""
    command = say_command(folder, "show", subject=found[0].key)
    yield f"{count_noun(len(found), 'submission')}{more}; give the name of one: {command}"


def describe_submission(one: StoredSubmission) -> Iterator[str]:
    """Yield who handed in what and when, and what came of it."""
    yield f"{one.key}: {one.names}"
    for person in one.people:
        facts = ", ".join(filter(None, [person.sid, person.email, person.user]))
        yield f"    {person.name}{f' ({facts})' if facts else ''}"
    late = " (late)" if one.late else ""
    if one.submitted or late:
        yield f"    handed in {one.submitted or 'at an unknown time'}{late}"
    state = WORDS.get(one.state, one.state.value)
    when = f" by run {one.run}, {one.finished}" if one.finished and one.state.counts else ""
    yield f"    {state}{when}{f': {one.problem}' if one.problem else ''}"


def say_seconds(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
