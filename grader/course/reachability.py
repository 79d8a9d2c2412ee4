"""Which statements of a function's body a call can reach, told from its syntax tree, each looked at once."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

Wanted = Callable[[ast.Raise], bool]


@dataclass
class Flow:
    """What came of some statements: the wanted one, whether control goes on below them, whether a loop is left."""

    found: ast.Raise | None = None
    goes_on: bool = True
    breaks: bool = False


def first_reached(body: list[ast.stmt], wanted: Wanted) -> ast.Raise | None:
    """The first wanted `raise` that a call can reach; nested functions and classes are not entered.

    Raises RecursionError where branches are nested too deeply.
    """
    return _block(body, wanted).found


def _block(body: list[ast.stmt], wanted: Wanted) -> Flow:
    breaks = False
    for node in body:
        flow = _statement(node, wanted)
        breaks |= flow.breaks
        if flow.found is not None or not flow.goes_on:
            return Flow(flow.found, False, breaks)
    return Flow(breaks=breaks)


def _statement(node: ast.stmt, wanted: Wanted) -> Flow:
    match node:
        case ast.Raise():
            return Flow(node if wanted(node) else None, False)
        case ast.Return() | ast.Continue():
            return Flow(goes_on=False)
        case ast.Break():
            return Flow(goes_on=False, breaks=True)
        case ast.If():
            always = _constant(node.test)
            branches = [node.body] * (always is not False) + [node.orelse] * (always is not True)
            return _either([_block(branch, wanted) for branch in branches])
        case ast.For() | ast.AsyncFor():
            return _loop(node, wanted, None)
        case ast.While():
            return _loop(node, wanted, _constant(node.test))
        case ast.With() | ast.AsyncWith():
            return _block(node.body, wanted)
        case ast.Match():
            flow = _either([_block(case.body, wanted) for case in node.cases])
            return Flow(flow.found, flow.found is None, flow.breaks)  # it may be that no case matches
        case ast.Try() | ast.TryStar():
            return _try(node, wanted)
    return Flow()


def _loop(node: ast.For | ast.AsyncFor | ast.While, wanted: Wanted, always: bool | None) -> Flow:
    inside = Flow() if always is False else _block(node.body, wanted)
    below = Flow(goes_on=False) if always else _block(node.orelse, wanted)
    return Flow(inside.found or below.found, inside.breaks or below.goes_on, below.breaks)


def _try(node: ast.Try | ast.TryStar, wanted: Wanted) -> Flow:
    """Any exception may be raised in the body, so that each handler can be reached."""
    body = _block([*node.body, *node.orelse], wanted)
    tried = _either([body, *(_block(handler.body, wanted) for handler in node.handlers)])
    last = _block(node.finalbody, wanted)
    return Flow(tried.found or last.found, tried.goes_on and last.goes_on, tried.breaks or last.breaks)


def _either(flows: list[Flow]) -> Flow:
    found = next((flow.found for flow in flows if flow.found is not None), None)
    return Flow(found, any(flow.goes_on for flow in flows), any(flow.breaks for flow in flows))


def _constant(test: ast.expr) -> bool | None:
    """Whether a condition always or never holds; None where that depends."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _constant(test.operand)
        return None if inner is None else not inner
    return None
