"""The claim that a function leaves the arguments it is given as they are."""

from collections.abc import Collection

from ..sandbox.child.reports import Way
from ..sandbox.parent.client import Change
from ..sandbox.parent.proxy import Proxy
from .expect import Mismatch

REMEDY = "make a new array instead"
BRIEF = f"changes one of its arguments in place; {REMEDY}"


def expect_unchanged_arguments(function: Proxy, but: Collection[int | str] = ()) -> None:
    """Claims that no call of `function` in this check changed an array in its arguments; caches are searched too.

    `but` names what the function may change: positions of arguments, or their names and keys of dicts.
    Raises Mismatch, and ValueError where the check has not called the function.
    """
    worker, label = Proxy.owner(function), Proxy.label(function)
    if label not in worker.callees:
        raise ValueError(f"the check has not called {label}, so nothing is known of its arguments")
    for change in worker.changes:
        if change.call.label == label and not _allowed(change.way, but):
            what = _spelled(change, worker.parameters(function))
            raise Mismatch(f"{label.rsplit('.', 1)[-1]} changes its argument {what} in place; {REMEDY}", BRIEF)


def _allowed(way: Way, but: Collection[int | str]) -> bool:
    return way[0] in but or any(isinstance(key, str) and key in but for key in way)


def _spelled(change: Change, names: list[str]) -> str:
    """Spell the way to an array as Python would: `cache[0]["x"]`."""
    first, *keys = change.way
    if isinstance(first, int):
        first = names[first] if 0 <= first < len(names) else f"number {first + 1}"
    return first + "".join(f"[{key}]" if isinstance(key, int) else f'["{key}"]' for key in keys)
