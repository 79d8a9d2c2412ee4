"""Say in lines of text how a class stands: while it is graded, after a run, at any time, and for one student."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from statistics import median

from ..files import find_nearest, make_printable
from ..results.record import NoteKind, sum_points
from ..results.summary import count_noun
from .batch import Change, Tally
from .view import ClassRun, JobEnding, State, StoredSubmission, StoreView

SHOWN = 5
COMMAND = "python -m grader class"


def describe_progress(tally: Tally) -> str:
    """Return a line on a run under way: its rate, what is left, what fails most, what went wrong."""
    done, left = len(tally.endings), tally.seconds_left
    if left is None:
        return "grading"
    parts = [f"grading, {done / max(tally.seconds, 1e-9) * 60:.1f} a minute, about {say_seconds(left)} left"]
    failing = count_failing(tally.endings).most_common(1)
    parts += [f"most failed: {name} ({number})" for name, number in failing]
    parts += [f"{number} {state.value}" for state, number in count_problems(tally.endings).items()]
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


def describe_run(tally: Tally) -> Iterator[str]:
    """Yield what one run has done, told apart from what earlier runs did."""
    done = len(tally.endings)
    states = Counter(ending.state.value for ending in tally.endings)
    parts = ", ".join(f"{number} {state}" for state, number in states.items())
    earlier = f"; {count_noun(tally.earlier, 'mark')} by earlier runs" if tally.earlier else ""
    states_said = f" ({parts})" if parts else ""
    yield f"This run: {done} of {tally.chosen} in {say_seconds(tally.seconds)}{states_said}{earlier}."
    scores = [ending.record.score for ending in tally.endings if ending.record and ending.state.counts]
    if scores:
        yield f"Points: {min(scores):g} to {max(scores):g}, median {median(scores):g}."
    failing = count_failing(tally.endings).most_common(SHOWN)
    if failing:
        yield f"Most failed: {', '.join(f'{name} ({number})' for name, number in failing)}."
    if states[State.FAILED]:
        yield f"{states[State.FAILED]} without a mark, since the grader failed: {COMMAND} regrade --held"
    if tally.interrupted:
        left = tally.chosen - done
        yield f"Stopped with {left} to do; the same command goes on where this one ended."


def describe_changes(changes: Iterable[Change]) -> Iterator[str]:
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
    if not tally.chosen:
        words = "no points are held, and the grader failed nowhere" if held else "no mark depends on what has changed"
        return f"nothing to grade again, and nothing was written: {words}"
    return "nothing was written; the same command asks again, and with --yes it writes"


def explain_nobody(store: StoreView, who: str) -> str:
    """Return a sentence on a name that nobody has, with the one that comes nearest."""
    known = {text for one in store.submissions() for text in (one.key, *(person.name for person in one.people))}
    near = find_nearest(who, known)
    remedy = f"perhaps {make_printable(near)}" if near else f"everybody stands in the table of: {COMMAND} gradebook"
    return f"nobody in {store.file.parent} is called {make_printable(who)!r}; {remedy}"


def describe_status(store: StoreView, holder: str, changed: int) -> Iterator[str]:
    """Yield how a class stands: `holder` grades it just now, and today's course may alter so many `changed` marks."""
    batch, found, runs = store.batch(), store.submissions(), store.runs()
    yield f"{batch.assignment}: {count_noun(len(found), 'submission')} from {batch.source} ({batch.kind})"
    counts = Counter(one.state for one in found)
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
        yield f"{whose} with {points:g} points held by grader errors: {COMMAND} regrade --held"
    for one in found:
        if one.state is State.FAILED:
            yield f"failed: {one.key}: {one.problem}"
    if counts[State.FAILED]:
        yield f"{counts[State.FAILED]} without a mark, since the grader failed: {COMMAND} regrade --held"
    if changed:
        marks = count_noun(changed, "mark")
        yield f"Changed checks, manifest, reference or engine may alter {marks}: {COMMAND} regrade --changed"
    if counts[State.TODO] and not holder:
        yield f"{counts[State.TODO]} to do: {COMMAND} grade {batch.source}"


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
    left = say_seconds(seconds / len(own) * (run.chosen - len(own))) if own else "unknown"
    yield f"Graded just now by {holder}: {line}; left: {left}."


def describe_submission(one: StoredSubmission) -> Iterator[str]:
    """Yield who handed in what and when, and what came of it."""
    yield f"{one.key}: {one.names}"
    for person in one.people:
        facts = ", ".join(filter(None, [person.sid, person.email, person.user]))
        yield f"    {person.name}{f' ({facts})' if facts else ''}"
    late = " (late)" if one.late else ""
    if one.submitted or late:
        yield f"    handed in {one.submitted or 'at an unknown time'}{late}"
    words = {State.TODO: "to do", State.RUNNING: "being graded", State.SUPERSEDED: "superseded by a later one"}
    state = words.get(one.state, one.state.value)
    when = f" by run {one.run}, {one.finished}" if one.finished and one.state.counts else ""
    yield f"    {state}{when}{f': {one.problem}' if one.problem else ''}"


def count_failing(endings: Iterable[JobEnding]) -> Counter[str]:
    """Return for each function in how many submissions a check of it failed by its own code."""
    failing: Counter[str] = Counter()
    for ending in endings:
        checks = ending.record.checks if ending.record else []
        failing.update(sorted({name for check in checks if check.outcome.by_own_code for name in check.functions}))
    return failing


def count_problems(endings: Iterable[JobEnding]) -> Counter[State]:
    """Return how many submissions were refused, and how many came to no result."""
    return Counter(ending.state for ending in endings if ending.state in (State.REFUSED, State.FAILED))


def say_seconds(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
