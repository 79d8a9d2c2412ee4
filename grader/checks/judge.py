"""Gather what is known of what a check raised, have it decided who is to blame, and write that into the record."""

from dataclasses import replace

from ..course.source import find_misplaced
from ..errors import OutOfTime, SandboxError, WorkerError, WorkerRaised, WorkerTimeout
from ..limits import SENTENCE_CHARACTERS
from ..results.record import Outcome
from ..results.summary import clean_text
from . import follow_through, messages
from .collect import RunningCheck
from .context import RunContext
from .verdict import Case, Verdict, decide, find_deciding, find_faulty, format_traceback, is_unforeseen
from .wording import name_asked, name_near


class Judge:
    """Decides about each check that ran, writes it into its record, and remembers which functions are at fault."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._certain: set[str] = set()  # functions at fault by a verdict that hangs on no other function
        self._open: list[tuple[RunningCheck, BaseException, Case]] = []

    def accept(self, running: RunningCheck) -> None:
        """Write that a check passed."""
        check = running.check
        check.outcome, check.score, check.message, check.detail = Outcome.PASSED, check.points, "", running.remark

    def blame(self, running: RunningCheck, error: BaseException, when: str) -> None:
        """Find out who is to blame for what was raised, and write it down.

        Raise SandboxError, since what the sandbox cannot do has nothing to do with this check.
        """
        if isinstance(error, SandboxError):
            raise error
        case = self._case(running, error)
        if when == "call":
            try:
                case = self._with_evidence(running, error, case)
            except OutOfTime as end:
                error = end
        found = self._decide(error, case)
        faulty = find_faulty(error, found, running.judged)
        self._context.faults.broken.update(faulty)
        if find_deciding(error, case):
            self._open.append((running, error, replace(case, answer=None)))
        else:
            self._certain.update(faulty)
        self.write(running, found)

    def settle_open_cases(self) -> None:
        """Decide again what hung on other functions, now that each has been judged.

        Each round decides all of them by what the one before has found, until that stays; so no verdict hangs on their
        order. A chain of functions takes as many rounds as it has open cases.
        """
        faults, verdicts = self._context.faults, list[Verdict]()
        faults.broken = set(self._certain)
        for _ in range(len(self._open) + 1):
            verdicts = [self._decide(error, case) for _, error, case in self._open]
            decided = zip(self._open, verdicts, strict=True)
            faulty = [find_faulty(error, found, running.judged) for (running, error, _), found in decided]
            known, faults.broken = faults.broken, self._certain.union(*faulty)
            if known == faults.broken:
                break
        for (running, _, _), found in zip(self._open, verdicts, strict=True):
            self.write(running, found)

    def _case(self, running: RunningCheck, error: BaseException) -> Case:
        """Return what is known so far; an import that fails and a name that is not there are looked for."""
        context, worker, cause, is_secret = self._context, running.worker, None, running.inputs_are_secret
        if isinstance(error, WorkerError) and not error.trusted:
            cause = context.imports.find(error, running.libraries, is_secret)
            context.timeouts.count_timeout(error, is_secret)
        if isinstance(error, WorkerRaised) and error.gone:
            asked, functions = name_asked(error.asked), context.faults.functions
            error.stands = find_misplaced(context.student, asked) if asked in functions else ""
            error.near = "" if name_near(error) in functions else error.near
        called, asked, callees = (worker.called(), worker.asked(), worker.callees) if worker else ("", "", ())
        facts = called, asked, frozenset(callees), cause, worker.last_answer if worker else None
        return Case(running.judged, context.faults, context.scores.is_mostly_right, *facts)

    def _with_evidence(self, running: RunningCheck, error: BaseException, case: Case) -> Case:
        """Run the check with the reference where only that tells who is to blame. Raise OutOfTime, SandboxError."""
        if running.worker is not None and is_unforeseen(error):
            judged = follow_through.reference_is_judged(self._context, running)
            return replace(case, reference_is_judged=judged)
        if isinstance(error, WorkerTimeout):  # in the line where it was still, there need not be anything wrong
            return replace(case, needed_is_at_fault=False)
        deciding = find_deciding(error, case)
        if deciding and self._certain.isdisjoint(deciding):
            at_fault = follow_through.needed_is_at_fault(self._context, running)
            return replace(case, needed_is_at_fault=at_fault)
        return case

    def hold(self, running: RunningCheck, fault: Exception) -> None:
        """Hold a check's points, since the engine itself failed at its verdict; the run goes on."""
        self.write(running, _held(fault))

    def _decide(self, error: BaseException, case: Case) -> Verdict:
        try:
            return decide(error, case)
        except Exception as fault:
            return _held(fault)

    def write(self, running: RunningCheck, found: Verdict) -> None:
        """Write a verdict into a check's record, in brief where its inputs are secret."""
        check = running.check
        check.outcome, check.run, check.detail = found.outcome, found.run, clean_text(found.detail or found.message)
        check.error, check.allowed, check.cause = found.error, found.allowed, found.cause
        check.message = clean_text(found.brief if running.inputs_are_secret else found.message, SENTENCE_CHARACTERS)
        check.raised = "" if running.inputs_are_secret else clean_text(found.raised, SENTENCE_CHARACTERS)
        is_told = not running.inputs_are_secret or found.needs in self._context.faults.broken
        check.needs = found.needs if is_told else ""
        if running.secret and found.run and found.outcome is not Outcome.GRADER_ERROR:
            check.message = messages.WRONG_ON_SECRET_INPUTS.format(check.message)
        check.score, check.held = found.earned, 0
        if found.outcome is Outcome.GRADER_ERROR:
            check.held, check.standing = check.points, None
        if found.outcome is Outcome.NOT_SCORED:
            self._context.scores.leave_out(check)


def _held(fault: Exception) -> Verdict:
    return Verdict(Outcome.GRADER_ERROR, *messages.HELD, detail=format_traceback(fault))
