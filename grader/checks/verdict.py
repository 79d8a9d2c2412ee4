"""The words of a verdict: an outcome and its sentences, from what was raised and who is to blame for it."""

import re
import traceback
from dataclasses import dataclass, field

from ..errors import StackFrame, StudentCrashed, StudentError, StudentRaised, StudentTimeout
from ..results.outcome import Outcome
from ..sandbox.parent.proxy import shape_of
from .expect import UNSAID, Mismatch

IMPORT_KINDS = ("ModuleNotFoundError", "ImportError", "SyntaxError", "IndentationError", "TabError")
NOT_RUN = "not run: the time of the whole run was used up by earlier checks"
HELD = "the grader made an error here, so its points are held, not lost; please tell the staff"
SOMETHING = "something of yours"
UNPACK = re.compile(r"(not enough|too many) values to unpack|cannot unpack|not iterable")


@dataclass
class Verdict:
    """An outcome in words: `message` says it all, `detail` adds the lines of code.

    `brief` holds only constant words and names that the check itself wrote: nothing in which an input could leave.
    """

    outcome: Outcome
    message: str = ""
    brief: str = ""
    detail: str = ""
    error: float | None = None
    allowed: float | None = None
    earned: int | float = 0
    run: bool = True

    def __post_init__(self) -> None:
        self.brief, self.detail = self.brief or f"the answer {UNSAID}", self.detail or self.message


@dataclass
class Memory:
    """What is known of the package: functions still stubs, those that raised or hung in their own checks.

    `functions` are the assignment's.
    """

    functions: frozenset[str] = frozenset()
    unwritten: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)


def of_mismatch(mismatch: Mismatch) -> Verdict:
    """A wrong answer."""
    message = f"{mismatch.message}; {mismatch.inputs}" if mismatch.inputs else mismatch.message
    detail = "\n".join([message, *filter(None, mismatch.notes)])
    return Verdict(Outcome.FAILED, message, mismatch.brief, detail, mismatch.error, mismatch.allowed, mismatch.earned)


def of_student_error(error: StudentError, judged: tuple[str, ...], memory: Memory, culprit: str | None) -> Verdict:
    """Code that raised, hung or crashed: the judged function's own doing, or that of a culprit it needs."""
    if isinstance(error, StudentRaised) and error.kind == "NotImplementedError":
        return _unwritten(error, judged, memory)
    story, brief = _story(error), _brief(error)
    if culprit is not None:
        needs = "cannot be judged: it needs {}, and {}"
        known = _known(error.asked) if culprit == error.callee else SOMETHING
        return Verdict(Outcome.BLOCKED, needs.format(culprit, story), needs.format(known, brief), _trace(error))
    outcome = {StudentTimeout: Outcome.TIMEOUT, StudentCrashed: Outcome.CRASHED}.get(type(error), Outcome.FAILED)
    return Verdict(outcome, story, brief, _trace(error))


def of_unusable_answer(error: Exception, called: str, asked: str) -> Verdict:
    """An answer the check could not even take apart, while the reference's answer was fine."""
    text, brief = str(error), f"{_known(asked)} returned something else than expected; see its docstring"
    message = f"the answer of {called} cannot be used ({type(error).__name__}: {text[:200]})"
    if UNPACK.search(text):
        message = f"{called} returned {_returned(text)}; see its docstring for what it returns"
    return Verdict(Outcome.FAILED, message, brief)


def of_grader_error(error: BaseException) -> Verdict:
    """A fault of the check or the engine; its points are held until a regrade."""
    return Verdict(Outcome.GRADER_ERROR, HELD, HELD, "".join(traceback.format_exception(error)))


def of_unrecorded(error: Exception) -> Verdict:
    """A check that the recorded answers of the reference do not belong to."""
    sentence = f"{error}; its points are held, not lost"
    return Verdict(Outcome.GRADER_ERROR, sentence, sentence, of_grader_error(error).detail)


def inputs_of(call, names: list[str], seed: str) -> str:
    """The shapes of the arrays that went into the last call: `input x (7, 5), w (5, 3), seed 231`."""
    if call is None:
        return seed
    named = [*zip(names, call.arguments, strict=False), *call.keywords.items()]
    arrays = [f"{name} {shape_of(value)}" for name, value in named if shape_of(value) is not None]
    return ", ".join([f"input {', '.join(arrays)}"] * bool(arrays) + [seed])


def _unwritten(error: StudentRaised, judged: tuple[str, ...], memory: Memory) -> Verdict:
    place = error.frames[-1] if error.frames else None
    name = place.function if place else error.callee
    own = [stub for stub in judged if stub in memory.unwritten]
    if own or not place or any(same(name, stub) for stub in judged):
        stub, known = (own[0], own[0]) if own else (name, _known(error.asked))
        return Verdict(Outcome.NOT_ATTEMPTED, f"{stub} is not written yet", f"{known} is not written yet")
    needs = "cannot be judged: it needs {}, which is not written yet"
    return Verdict(Outcome.BLOCKED, needs.format(name) + _where(place), needs.format(SOMETHING))


def same(name: str, judged: str) -> bool:
    """Whether a name is a judged function, a part of one, or the class or module it stands in."""
    return name == judged or name.startswith(f"{judged}.") or judged.startswith(f"{name}.")


def _brief(error: StudentError) -> str:
    """The sentence of an error without a word chosen by the code that raised it, in which an input could leave."""
    if isinstance(error, StudentRaised) and _missing(error):
        return _missing(error) if error.callee == error.asked else "a module is missing"
    return error.brief.format(_known(error.asked))


def _known(asked: str) -> str:
    """What a check asked for, by the names that it wrote itself: `nets.Net.loss`, `what nets.load returned`."""
    if asked.endswith("()"):
        return f"what {asked.removesuffix('()')} returned"
    return asked.replace("()", "") or SOMETHING


def _story(error: StudentError) -> str:
    """The sentence of an error: who raised what, where."""
    if not isinstance(error, StudentRaised):
        return error.sentence
    if _missing(error):
        return _missing(error)
    if not error.frames and error.kind == "AttributeError":
        return f"{error.callee} is not there; was it renamed or removed?"
    who = error.callee.rsplit(".", 1)[-1] or "what was returned"
    what = f"{error.kind}: {error.sentence}" if error.sentence else error.kind
    if error.kind in IMPORT_KINDS:
        who = f"importing {error.callee}"
    return f"{who} raised {what}{_where(error.frames[-1] if error.frames else None)}"


def _missing(error: StudentRaised) -> str:
    """That the module asked for is not there, empty where that is not the matter."""
    named = re.match(r"No module named '\w+\.([\w.]+)'", error.sentence)
    if error.frames or not named or not f"{error.callee}.".startswith(f"{named[1]}."):
        return ""
    return f"{named[1].replace('.', '/')}.py is missing"


def _where(frame: StackFrame | None) -> str:
    if frame is None:
        return ""
    return f" ({frame.file}, line {frame.line}" + (
        f": {frame.text})" if frame.text and "raise Not" not in frame.text else ")"
    )


def _trace(error: StudentError) -> str:
    lines = [f"  {frame.file}, line {frame.line}, in {frame.function}: {frame.text}" for frame in error.frames]
    return "\n".join([_story(error), *lines])


def _returned(text: str) -> str:
    few = re.search(r"expected (\d+), got (\d+)", text)
    many = re.search(r"expected (\d+)", text)
    if few:
        return f"{few[2]} values where {few[1]} are expected"
    if many:
        return f"more values than the {many[1]} expected"
    return "one value where several are expected" if "NoneType" not in text else "None; is a return missing?"
