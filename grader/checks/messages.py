"""Word what the engine says about a check, in full and in the brief form in which no input can leave.

Public checks show the full form, all others the brief one: constant words, names that the check itself wrote, and an
error's power of ten. How a worker ended is worded in `sandbox/parent` and `errors`, where it is seen; that an answer
was not recorded, in `recording/replay`.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import StudentError, StudentRaised
from ..sandbox.parent.client import Call
from ..sandbox.parent.proxy import Proxy, shape_of


class Sentence(NamedTuple):
    """A sentence in full and in brief; both may have places in braces to fill in."""

    full: str
    brief: str

    def fill(self, **values: object) -> "Sentence":
        """Return the sentence with these values in its places."""
        return Sentence(self.full.format(**values), self.brief.format(**values))


def both(sentence: str) -> Sentence:
    """Return a sentence that is fit for both forms."""
    return Sentence(sentence, sentence)


# The run, and the grader.

NEVER_RAN = "the check did not run"
NOT_RUN = both("not run: the time of the whole run was used up by earlier checks")
HELD = both("the grader made an error here, so its points are held, not lost; please tell the staff")
UNRECORDED = both("{error}; its points are held, not lost")
WRONG_ON_SECRET_INPUTS = "right on the published inputs, wrong on others: {}"
SEED, SECRET_SEED = "seed {}", "a secret seed"

# A function that raised, hung, crashed or is not written.

RAISED, GONE = "{who} raised {what}{place}", "{} is not there; was it renamed or removed?"
MISSING, SOME_MISSING = "{}.py is missing", "a module is missing"
UNWRITTEN = Sentence("{name} is not written yet", "{asked} is not written yet")
NEEDS_UNWRITTEN = "cannot be judged: it needs {}, which is not written yet"
NEEDS_BROKEN = "cannot be judged: it needs {name}, and {story}"
SOMETHING = "something of yours"

# An answer that is wrong.

UNSAID = "is not what it should be"
WRONG_ANSWER = f"the answer {UNSAID}"
OTHER_THAN_EXPECTED = "{asked} returned something else than expected; see its docstring"
WRONG_RETURN = Sentence("{called} returned {what}; see its docstring for what it returns", OTHER_THAN_EXPECTED)
UNUSABLE = Sentence("the answer of {called} cannot be used ({kind}: {text})", OTHER_THAN_EXPECTED)
WRONG_COUNT = Sentence("returned {got}, expected {wanted}", "returned other than {wanted}")
IS_NONE = both("{name}: is None; is a return or an assignment missing?")
NO_ARRAY = Sentence("{name}: is {got}, expected an array of numbers", "{name}: is no array of numbers")
WRONG_SHAPE = Sentence("{name}: shape is {got}, expected {wanted}", "{name}: a wrong shape")
OTHER_SHAPE = Sentence(
    "{name}: right values in shape {got}, expected {wanted}", "{name}: right values in another shape"
)
TRANSPOSED = Sentence(
    "{name}: right values but transposed: shape is {got}, expected {wanted}", "{name}: right values but transposed"
)
WRONG_DTYPE = Sentence("{name}: dtype is {got}, expected {wanted}", "{name}: dtype is not {wanted}")
FITS_FLOAT32 = both("{name}: float32 could hold every value; is something computed or kept in float32?")
NOT_FINITE = Sentence("{name}: is {what}", "{name}: has {what} values")
NOT_ALL_FINITE = Sentence(
    "{name}: {count} of {size} values are {what}, first at ({place})", "{name}: has {what} values"
)
OUTSIDE = Sentence("{name}: got {got}, expected {low} to {high}", "{name}: outside of what it may be")
ALL_ALIKE = both("{name}: every value is the same; is nothing computed yet?")
HANDED_BACK = both("{name}: is an input handed back; is nothing computed yet?")
WRONG_VALUE = Sentence("{name}: got {got}, expected {wanted}", "{name}: a wrong value")
CLAIM = Sentence("{name}: {sentence}", "{name}: {brief}")  # both by the check itself
INEXACT = Sentence(
    "{name}: relative error {error:.1e} (allowed {rel:.0e}){place}{pair}{hint}",
    "{name}: relative error {magnitude} (allowed {rel:.0e}){brief_hint}",
)
DIFFERS = Sentence("{name}: differs{place}{pair}{hint}", "{name}: differs{brief_hint}")
OPPOSITE = both("; the sign is opposite everywhere")
ONE_FACTOR = Sentence("; every value is {factor:.4g} times the right one", "; every value is off by the same factor")
CHANGES_ARGUMENT = Sentence(
    "{function} changes its argument {argument} in place; make a new array instead",
    "changes one of its arguments in place; make a new array instead",
)
BELOW_TOP = Sentence(
    "{title}: {value:.3f} earns {earned:g} of {points:g} points; from {next:g} on it earns {more:g}",
    "{title}: earns {earned:g} of {points:g} points; from {next:g} on it earns {more:g}",
)

# Speed and budgets.

REFERENCE, OWN_OTHER = "the reference", "your own other function"
RATIO = "took {size} times the CPU time of {opponent} (allowed {limit:g})"
SLOW = RATIO + "; is there a Python loop left that one array operation could replace?"
LATE = Sentence(
    "{sentence}; allowed is {limit:g} times the CPU time of {opponent}",
    "the timed call did not finish in time; allowed is {limit:g} times the CPU time of {opponent}",
)
UNSCORED = "speed is not scored here, but it is when you hand in: {}"
UNRIVALLED = UNSCORED.format("it is compared with the reference's, of which only answers are here")
OVER_BUDGET = Sentence(
    "{title}: needs {spent:.3g} or more of the {allowed:g} CPU seconds it may use; make it smaller",
    "{title}: needs more than the {allowed:g} CPU seconds it may use",
)
LARGE_FILE = Sentence(
    "{file}: has {megabytes:.1f} of the {allowed:g} MB it may have; make it smaller",
    "{file}: has more than the {allowed:g} MB it may have",
)

# Second looks. The names in them are the assignment's or Python's own, so that they fit every report.

RIGHT_ABOVE = "right given right {}, of which something is wrong in yours"
WRONG_ABOVE = "not right given right functions: {}"
BELOW = "the functions below it"
UNREPLACEABLE = f"{BELOW} cannot be replaced in this check, since what they exchange cannot leave a process"
JUDGED_TOO = f"it judges {BELOW} too"
NOT_YET_JUDGED = f"{BELOW} have not been judged yet"
NONE_MOSTLY_RIGHT = "none of {} is mostly right in yours"
CALLS_NONE = "it calls none of {}"
SOME_POOR = "not mostly right in yours, or not judged yet: {}"
REFERENCE_RAISED = "the reference's {} raised {} on what it was given"
STILL_WRONG, STILL_RAISES = "it is wrong {}", "it raises {} {}"
GIVEN_RIGHT, GIVEN_NONE = "given right {}", f"and {BELOW} are not called"
SOME_EXCEPTION = "an exception"
RUN_OVER = "the time of the whole run is used up"
RIGHT_GRADIENT = "the exact gradient of your own {}, in which something is wrong"
WRONG_GRADIENT = "not the gradient of your own {}: {}"
NOT_COMPARED = f"not compared with your own {{}}: {RUN_OVER}"
OTHER_CLAIMS, OTHER_CLAIM_FAILS = "the check makes other claims", "another claim of the check fails"
UNKNOWN_KIND = "the reference cannot tell of what kind it should be"
PASS_RAISED = "one of the passes raised an exception"
TAKES_REFERENCE = "that takes the reference"
FOREIGN_CACHE = "its cache is not that of a forward pass"
NOT_REPEATABLE = "the forward pass answers otherwise when it is asked again"
NO_OUT_AND_CACHE = "the forward pass does not return out and a cache"
NO_FLOAT64 = "a shape or dtype is wrong, or it is not float64"
SOME_NOT_FINITE = "some values are not finite"
OTHER_NUMBER = "there is not one gradient for each array"
NO_DERIVATIVE = "it has no derivative to compare with: kinks, noise or too few digits"
OTHER_CHANGE = "along a random direction it predicts another change"
TOO_SIMPLE = "that is too simple, out {} array {} of its arguments"
TOO_SIMPLE_BY = {"depends": "does not depend on", "bends": "is linear in", "mixes": "does not mix the entries of"}
COPIES = "that is too simple, out is one of its arguments"
TOO_SLOW = "it takes too long to be compared"

# Sentences whose words depend on what happened.

RATIOS = (1, 2, 5, 10, 20, 50, 100)  # the steps by which a brief form tells a ratio
UNPACK = re.compile(r"(not enough|too many) values to unpack|cannot unpack|not iterable")


def raised(error: StudentError) -> Sentence:
    """Say who raised what, and where; the brief form has no word that the code could choose."""
    brief = error.brief.format(known(error.asked))
    if not isinstance(error, StudentRaised):
        return Sentence(error.sentence, brief)
    if file := _missing_file(error):
        missing = MISSING.format(file)
        return Sentence(missing, missing if error.callee == error.asked else SOME_MISSING)
    if not error.frames and error.kind == "AttributeError":
        return Sentence(GONE.format(error.callee), brief)
    who = f"importing {error.callee}" if error.at_import else error.callee.rsplit(".", 1)[-1] or "what was returned"
    what = f"{error.kind}: {error.sentence}" if error.sentence else error.kind
    return Sentence(RAISED.format(who=who, what=what, place=_place(error)), brief)


def traced(error: StudentError) -> str:
    """Say who raised what, with all lines of student code on the way to it."""
    lines = [f"  {frame.file}, line {frame.line}, in {frame.function}: {frame.text}" for frame in error.frames]
    return "\n".join([raised(error).full, *lines])


def needs_broken(name: str, error: StudentError) -> Sentence:
    """Say that a check cannot be judged since a function that it needs raised."""
    story, brief = raised(error)
    asked = known(error.asked) if name == error.callee else SOMETHING
    return Sentence(NEEDS_BROKEN.format(name=name, story=story), NEEDS_BROKEN.format(name=asked, story=brief))


def needs_unwritten(name: str, error: StudentError) -> Sentence:
    """Say that a check cannot be judged since a function that it needs is a stub."""
    return Sentence(NEEDS_UNWRITTEN.format(name) + _place(error), NEEDS_UNWRITTEN.format(SOMETHING))


def unusable(error: BaseException, called: str, asked: str) -> Sentence:
    """Say that the check could not take an answer apart."""
    text = str(error)
    if UNPACK.search(text):
        return WRONG_RETURN.fill(called=called, asked=known(asked), what=_returned(text))
    return UNUSABLE.fill(called=called, asked=known(asked), kind=type(error).__name__, text=text[:200])


def known(asked: str) -> str:
    """Name what a check asked for as the check itself does: `nets.Net.loss`, `what nets.load returned`."""
    if asked.endswith("()"):
        return f"what {asked.removesuffix('()')} returned"
    return asked.replace("()", "") or SOMETHING


def inputs(call: Call | None, names: Sequence[str], seed: str) -> str:
    """Name the arrays that went into the last call: `input x (7, 5), w (5, 3), seed 231`."""
    if call is None:
        return seed
    named = [*zip(names, call.arguments, strict=False), *call.keywords.items()]
    arrays = [f"{name} {shape_of(value)}" for name, value in named if shape_of(value) is not None]
    return ", ".join([f"input {', '.join(arrays)}"] * bool(arrays) + [seed])


def wrong_count(got: Any, names: Sequence[str]) -> Sentence:
    """Say that a function returned more or fewer values than there are names."""
    count = "None" if got is None else ("one array" if isinstance(got, np.ndarray) else f"one {shown(got)}")
    if isinstance(got, (tuple, list)):
        count = _values(len(got))
    return WRONG_COUNT.fill(got=count, wanted=f"{_values(len(names))} ({', '.join(names)})")


def inexact(
    name: str, error: float, rel: float, place: Sequence[Any], pair: tuple[float, float], factor: float | None
) -> Sentence:
    """Say how far an array is off, and where most: the `pair` got and wanted; `factor` if it is off by one factor."""
    hint = both("") if factor is None else (OPPOSITE if abs(factor + 1) < 1e-6 else ONE_FACTOR.fill(factor=factor))
    where = f", worst at ({', '.join(map(str, place))})" if place else ""
    digits = {"error": error, "rel": rel, "magnitude": _magnitude(error)}
    facts = {"name": name, "place": where, "pair": _difference(*pair), "hint": hint.full, "brief_hint": hint.brief}
    return (INEXACT if rel else DIFFERS).fill(**facts, **digits)


def slow(ratio: float, limit: float, opponent: str) -> Sentence:
    """Say how slow a function is, and what usually is the reason."""
    steps = [step for step in RATIOS if ratio >= step]
    sizes = f"{ratio:.3g}", f"more than {steps[-1]}" if steps else "too many"
    return Sentence(*(SLOW.format(size=size, opponent=opponent, limit=limit) for size in sizes))


def listed(names: Iterable[str]) -> str:
    """Return names in order."""
    return ", ".join(sorted(names))


def shown(value: Any) -> str:
    """Return a value as a sentence shows it."""
    if isinstance(value, Proxy):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return repr(value) if isinstance(value, (str, bool, int, type(None), tuple, list)) else number(value)


def number(value: Any) -> str:
    """Return a number with the digits that a reader compares."""
    return f"{float(value):.6g}"


def _missing_file(error: StudentRaised) -> str:
    """Return the module asked for, without its ending, where it is not there; empty where that is not the matter."""
    named = re.match(r"No module named '\w+\.([\w.]+)'", error.sentence)
    found = named and not error.frames and f"{error.callee}.".startswith(f"{named[1]}.")
    return named[1].replace(".", "/") if named and found else ""


def _place(error: StudentError) -> str:
    """Return the line that raised, in brackets; empty where none is known."""
    if not error.frames:
        return ""
    frame = error.frames[-1]
    text = f": {frame.text}" if frame.text and "raise Not" not in frame.text else ""
    return f" ({frame.file}, line {frame.line}{text})"


def _returned(text: str) -> str:
    """Say what was returned, from Python's own words on what could not be unpacked."""
    if few := re.search(r"expected (\d+), got (\d+)", text):
        return f"{few[2]} values where {few[1]} are expected"
    if many := re.search(r"expected (\d+)", text):
        return f"more values than the {many[1]} expected"
    return "one value where several are expected" if "NoneType" not in text else "None; is a return missing?"


def _values(count: int) -> str:
    return f"{count} values" if count != 1 else "1 value"


def _difference(got: float, wanted: float) -> str:
    """Show two numbers that differ, or say that only their last digits do."""
    if number(got) == number(wanted):
        return f": {number(got)} is right but for its last digits; was something rounded, or computed in float32?"
    return f": got {number(got)}, expected {number(wanted)}"


def _magnitude(error: float) -> str:
    """Return the power of ten of an error, too rough for an answer to tell an input by it."""
    return f"about 1e{round(math.log10(error)):+03d}" if 0 < error < 10 else "above 10"
