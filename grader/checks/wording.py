"""Choose the sentence about a check by what happened, and fill it in."""

import ast
import math
import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import Ending, WorkerEnded, WorkerError, WorkerRaised
from ..sandbox.child.exceptions import find_expression, find_near
from ..sandbox.parent.proxy import Call, MissingKey, Proxy
from . import messages
from .messages import Sentence, say

ENGINE = os.path.join(Path(__file__).parents[1], "")  # with a separator: a course may lie beside it in grader-2026
COUNTED = 12  # the largest count in whose ratios a factor is told
UNPACK = re.compile(r"(not enough|too many) values to unpack|cannot unpack|not iterable")


def explain_error(error: WorkerError, raised: str = "") -> Sentence:
    """Say who raised what, and where; the brief form has no word that the code could choose.

    The function that was called is said to have `raised`, unless another is given.
    """
    asked = name_asked(error.asked)
    if isinstance(error, WorkerEnded):
        fact = messages.HALVED.format(error.fact) if error.ending is Ending.LATE else error.fact
        place = messages.REACHED.format(_name_line(error)) if error.frames else ""
        return messages.ENDINGS[error.ending].fill(callee=error.callee, fact=fact, asked=asked, place=place)
    if not isinstance(error, WorkerRaised):
        raise TypeError(f"no sentence for a {type(error).__name__}")
    if error.gone:
        sentence = messages.MISPLACED if error.stands else messages.MISSPELT if error.near else messages.GONE
        return sentence.fill(callee=error.callee, place=error.stands, near=name_near(error), asked=asked)
    who, place = raised or error.callee.rsplit(".", 1)[-1] or "what was returned", _show_line(error)
    if error.attempt:
        where = place or f" {error.callee}"
        return messages.ATTEMPTS[error.attempt].fill(who=who, place=place, where=where, asked=asked)
    if error.holder:
        hint = messages.NEAR_KEY.format(error.near) if error.near else ""
        return messages.NO_KEY.fill(who=who, place=place, asked=asked, holder=error.holder, key=error.text, hint=hint)
    what = f"{error.kind}: {error.text}" if error.text else error.kind
    return messages.RAISED.fill(who=who, what=what, place=place + _hint(error), asked=asked)


def name_near(error: WorkerRaised) -> str:
    """Return the name in full of what is there instead of what the check asked for."""
    return ".".join([*error.callee.split(".")[:-1], error.near])


def _hint(error: WorkerRaised) -> str:
    """Return what else is known of an exception: the name that was meant, an array of an odd class."""
    if error.near:
        return messages.NEAR_NAME.format(error.near)
    if error.odd and error.odd[1] in messages.ODD_CLASSES:
        what, remedy = messages.ODD_CLASSES[error.odd[1]]
        return messages.ODD_LOCAL.format(name=error.odd[0], what=what, remedy=remedy)
    return messages.HERE.format(error.shapes) if error.shapes else ""


def trace_error(error: WorkerError) -> str:
    """Say who raised what, with all lines of student code on the way to it."""
    lines = [f"  {frame.file}, line {frame.line}, in {frame.function}: {frame.text}" for frame in error.frames]
    return "\n".join([explain_error(error).full, *lines])


def explain_broken_need(name: str, error: WorkerError, is_known: bool) -> Sentence:
    """Say that a check cannot be judged since a function that it needs raised.

    In brief it is named only where it `is_known` to fail in its own checks: who it is, the worker has said.
    """
    brief = explain_error(error).brief
    raised = name.rpartition(".")[2] if isinstance(error, WorkerRaised) else ""
    asked = name_asked(error.asked) if name == error.callee else messages.SOMETHING
    return Sentence(
        messages.NEEDS_BROKEN.format(name=name, story=explain_error(error, raised).full),
        messages.NEEDS_KNOWN.format(name=name) if is_known else messages.NEEDS_BROKEN.format(name=asked, story=brief),
    )


def explain_unwritten_need(name: str, error: WorkerError) -> Sentence:
    """Say that a check cannot be judged since a function that it needs is a stub."""
    return Sentence(
        messages.NEEDS_UNWRITTEN.format(name) + _show_line(error), messages.NEEDS_UNWRITTEN.format(messages.SOMETHING)
    )


def explain_unusable(error: BaseException, called: str, asked: str, answer: Any = None) -> Sentence:
    """Say that the check could not take an answer apart; `answer` is that of the last call."""
    text, asked, stumbled = str(error), name_asked(asked), _find_stumble(error)
    if isinstance(error, KeyError) and isinstance(stumbled, ast.Subscript):
        return _explain_key(error, stumbled)
    if UNPACK.search(text) and isinstance(stumbled, (ast.Tuple, ast.List)) and stumbled.elts:
        return messages.WRONG_COUNT.fill(**_compare_counts(_count(text, answer), [*map(ast.unparse, stumbled.elts)]))
    if UNPACK.search(text) or text.startswith("zip() argument"):
        what = _compare_counts(_count(text, answer), [])["got"]
        return messages.WRONG_RETURN.fill(called=called, asked=asked, what=what)
    if isinstance(error, AttributeError) and text.startswith("'numpy.ndarray' object has no attribute"):
        return messages.NO_TENSOR.fill(asked=asked)
    what = f"the answer of {called}" if called else "what was returned"
    return messages.UNUSABLE.fill(answer=what, asked=asked, kind=type(error).__name__, text=text[:200])


def _find_stumble(error: BaseException) -> ast.expr | None:
    """Return what a check itself, the innermost line that is not the engine's, wanted of an answer."""
    found: TracebackType | None = None
    link = error.__traceback__
    while link is not None:
        found = found if link.tb_frame.f_code.co_filename.startswith(ENGINE) else link
        link = link.tb_next
    return find_expression(found) if found is not None else None


def _explain_key(error: KeyError, item: ast.Subscript) -> Sentence:
    """Say which key a check did not find; in brief only where the check itself wrote it out."""
    is_named = isinstance(item.value, (ast.Name, ast.Attribute, ast.Subscript))
    holder = ast.unparse(item.value) if is_named else messages.SOME_DICT
    literal = ast.unparse(item.slice) if isinstance(item.slice, ast.Constant) else ""
    key, names = error.args[0], error.names if isinstance(error, MissingKey) else []
    near = find_near(key, names) if isinstance(key, str) else ""
    hint = messages.NEAR_KEY.format(near) if near else ""
    return messages.LACKS_KEY.fill(name=holder, key=repr(key), hint=hint, wanted=literal or messages.SUCH_ENTRY)


def _count(text: str, answer: Any) -> int | None:
    """Return how many values an answer was that could not be unpacked, None for the value None."""
    if "NoneType" in text:
        return None
    if few := re.search(r"expected \d+, got (\d+)", text):
        return int(few[1])
    return len(answer) if isinstance(answer, (tuple, list)) else 1


def name_asked(asked: str) -> str:
    """Name what a check asked for as the check itself does: `nets.Net.loss`, `what nets.load returned`."""
    if asked.endswith("()"):
        return f"what {asked.removesuffix('()')} returned"
    return asked.replace("()", "") or messages.SOMETHING


def describe_inputs(call: Call | None, names: Sequence[str], seed: str) -> str:
    """Name what went into the last call: `input x (7, 5), bn_param (mode='train', eps=1e-05), seed 231`."""
    told = call.list_inputs(names) if call is not None else []
    return f"input {', '.join(told)}, {seed}" if told else seed


def explain_count(values: tuple[Any, ...], names: Sequence[str]) -> Sentence:
    """Say that a function returned more or fewer values than there are names, or what a tuple is to be made of."""
    count = None if len(values) == 1 and values[0] is None else len(values)
    kind = repr(values[0]).strip("<>") if len(values) == 1 and isinstance(values[0], Proxy) else ""
    if kind.isidentifier():  # no tensor
        return messages.WRONG_COUNT.fill(**_compare_counts(f"one {kind}", names) | {"hint": messages.AS_TUPLE})
    return messages.WRONG_COUNT.fill(**_compare_counts(count, names))


def _compare_counts(count: int | str | None, names: Sequence[str]) -> dict[str, str]:
    """Return the places of a sentence about a count: of values returned, None for the value None, or in words."""
    told = "None" if count is None else count if isinstance(count, str) else _count_values(count)
    few = str(len(names)) if isinstance(count, int) else _count_values(len(names))
    shown = "" if set(names) <= {"_"} else f" ({', '.join('...' if name == '_' else name for name in names)})"
    hint = messages.NO_RETURN if count is None else ""
    return {"got": told, "count": few, "names": shown, "hint": hint, "wanted": _count_values(len(names)) + shown}


def explain_class(name: str, what: str) -> Sentence:
    """Say that a value is of another class than an array's: `what` is its own, as the worker or Python calls it."""
    got, remedy = messages.ODD_CLASSES.get(what, (what, messages.ODD_TENSOR if what.startswith("tensor ") else ""))
    return messages.NO_ARRAY.fill(name=name, got=got, hint=f"; {remedy}" if remedy else "")


def explain_inexact(
    name: str, error: float, rel: float, place: Sequence[Any], pair: tuple[float, float], factor: float | None
) -> Sentence:
    """Say how far an array is off, and where most: the `pair` got and wanted; `factor` if it is off by one factor."""
    hint = _explain_factor(factor, single=not place)
    # too rough for an answer to tell an input by it
    magnitude = f"about 1e{round(math.log10(error)):+03d}" if 0 < error < 10 else "above 10"
    where = f", worst at ({', '.join(map(str, place))})" if place else ""
    digits = {"error": show_apart(error, rel, "e", 1), "rel": rel, "magnitude": magnitude}
    facts = {"name": name, "place": where, "pair": _show_pair(*pair), "hint": hint.full, "brief_hint": hint.brief}
    return (messages.INEXACT if rel else messages.DIFFERS).fill(**facts, **digits)


def _explain_factor(factor: float | None, single: bool) -> Sentence:
    if factor is None:
        return say("")
    if abs(factor + 1) < 1e-6:
        return messages.OPPOSITE_NUMBER if single else messages.OPPOSITE
    return (messages.TIMES if single else messages.ONE_FACTOR).fill(factor=factor, ratio=_name_ratio(factor))


def _name_ratio(factor: float) -> str:
    """Return ` (3/4)` or ` (the root of 3/4)` for a factor whose digits hide a ratio of small counts, else nothing."""
    for form, value in ((messages.RATIO_OF_COUNTS, factor), (messages.ROOT_OF_COUNTS, factor * abs(factor))):
        ratio = Fraction(value).limit_denominator(COUNTED)
        if abs(float(ratio) - value) < 1e-6 * abs(value) and f"{factor:.4g}" != f"{factor:.10g}":
            return form.format(ratio)
    return ""


def explain_outside(name: str, got: float, low: float, high: float) -> Sentence:
    """Say that a number lies outside of an interval, or is not the one number that it may be."""
    bounds = show_number(low), show_number(high)
    interval = bounds[0] if low == high else messages.INTERVAL.format(*bounds)
    return messages.OUTSIDE.fill(name=name, got=show_apart(got, low if got < low else high), interval=interval)


def explain_value(name: str, got: Any, wanted: Any) -> Sentence:
    """Say that a value is not equal to the one expected."""
    texts = show_value(got), show_value(wanted)
    if texts[0] == texts[1] and isinstance(got, float):
        texts = show_apart(got, float(wanted)), texts[1]
    return messages.WRONG_VALUE.fill(name=name, got=texts[0], wanted=texts[1])


def show_value(value: Any) -> str:
    """Return a value as a sentence shows it."""
    if isinstance(value, Proxy):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return repr(value) if isinstance(value, (str, bool, int, type(None), tuple, list)) else show_number(value)


def show_apart(value: float, other: float, form: str = "g", digits: int = 6) -> str:
    """Return a number in so many digits, or in as many more as tell it from another one."""
    for precision in range(digits, 18):
        text = f"{value:.{precision}{form}}"
        if float(text) != float(f"{other:g}"):
            return text
    return repr(value)


def show_number(value: Any) -> str:
    """Return a number with the digits that a reader compares."""
    return f"{float(value):.6g}"


def _show_line(error: WorkerError) -> str:
    """Return the line that raised, in brackets; empty where none is known."""
    return f" ({_name_line(error)})" if error.frames else ""


def _name_line(error: WorkerError) -> str:
    """Return the innermost line of a student's code: its file, number and text."""
    frame = error.frames[-1]
    text = f": {frame.text}" if frame.text and "raise Not" not in frame.text else ""
    return f"{frame.file}, line {frame.line}{text}"


def _count_values(count: int) -> str:
    return f"{count} values" if count != 1 else "1 value"


def _show_pair(got: float, wanted: float) -> str:
    """Show two numbers that differ, or say that only their last digits do."""
    if show_number(got) == show_number(wanted):
        return f": {show_number(got)} is right but for its last digits; was something rounded, or computed in float32?"
    return f": got {show_number(got)}, expected {show_number(wanted)}"
