"""Find the statements of a function's body that a call can reach, from its syntax tree, each looked at once."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

Wanted = Callable[[ast.Raise], bool]


@dataclass
class Flow:
    """The result of some statements: the wanted one, whether control goes on below them, whether a loop is left."""

    found: ast.Raise | None = None
    goes_on: bool = True
    breaks: bool = False


def find_first_reached(body: list[ast.stmt], wanted: Wanted) -> ast.Raise | None:
    """Return the first wanted `raise` that a call can reach; nested functions and classes are not entered.

    Raise RecursionError where branches are nested too deeply.
    """
    return _follow_block(body, wanted).found


def _follow_block(body: list[ast.stmt], wanted: Wanted) -> Flow:
    breaks = False
    for node in body:
        flow = _follow_statement(node, wanted)
        breaks |= flow.breaks
        if flow.found is not None or not flow.goes_on:
            return Flow(flow.found, False, breaks)
    return Flow(breaks=breaks)


def _follow_statement(node: ast.stmt, wanted: Wanted) -> Flow:
    match node:
        case ast.Raise():
            return Flow(node if wanted(node) else None, False)
        case ast.Return() | ast.Continue():
            return Flow(goes_on=False)
        case ast.Break():
            return Flow(goes_on=False, breaks=True)
        case ast.If():
            always = _evaluate(node.test)
            branches = [node.body] * (always is not False) + [node.orelse] * (always is not True)
            return _merge([_follow_block(branch, wanted) for branch in branches])
        case ast.For() | ast.AsyncFor():
            return _follow_loop(node, wanted, None)
        case ast.While():
            return _follow_loop(node, wanted, _evaluate(node.test))
        case ast.With() | ast.AsyncWith():
            return _follow_block(node.body, wanted)
        case ast.Match():
            flow = _merge([_follow_block(case.body, wanted) for case in node.cases])
            return Flow(flow.found, flow.found is None, flow.breaks)  # it may be that no case matches
        case ast.Try() | ast.TryStar():
            return _follow_try(node, wanted)
    return Flow()


def _follow_loop(node: ast.For | ast.AsyncFor | ast.While, wanted: Wanted, always: bool | None) -> Flow:
    inside = Flow() if always is False else _follow_block(node.body, wanted)
    below = Flow(goes_on=False) if always else _follow_block(node.orelse, wanted)
    return Flow(inside.found or below.found, inside.breaks or below.goes_on, below.breaks)


def _follow_try(node: ast.Try | ast.TryStar, wanted: Wanted) -> Flow:
    """Follow a body in which any exception may be raised, so that each handler can be reached."""
    body = _follow_block([*node.body, *node.orelse], wanted)
    tried = _merge([body, *(_follow_block(handler.body, wanted) for handler in node.handlers)])
    last = _follow_block(node.finalbody, wanted)
    return Flow(tried.found or last.found, tried.goes_on and last.goes_on, tried.breaks or last.breaks)


def _merge(flows: list[Flow]) -> Flow:
    found = next((flow.found for flow in flows if flow.found is not None), None)
    return Flow(found, any(flow.goes_on for flow in flows), any(flow.breaks for flow in flows))


def _evaluate(test: ast.expr) -> bool | None:
    """Return whether a condition always or never holds; None where that depends."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _evaluate(test.operand)
        return None if inner is None else not inner
    return None
