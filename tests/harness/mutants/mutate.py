"""Makes the mutants of a function: one node of its syntax tree is replaced in each."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
}
COMPARE = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
PARTNERS = [("sum", "mean"), ("max", "min"), ("argmax", "argmin"), ("maximum", "minimum"), ("zeros", "ones")]
SWAPPED = {old: new for pair in PARTNERS for old, new in (pair, pair[::-1])}


@dataclass(frozen=True)
class Mutant:
    """A function with one slip: the statement as it stands and as it becomes, and the function's whole new text."""

    function: str
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.function}: {self.before} -> {self.after}"


def mutants(function: str, source: str, lines: set[int]) -> Iterator[Mutant]:
    """The mutants of a function, `source` being its dedented text, on nodes that stand in these lines of it."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for parent, field, place, statement in _statements(tree.body[0]):
        if statement.lineno not in lines or isinstance(statement, ast.Raise):
            continue
        before = _headline(statement)
        for change in chain(_changes(statement), _removals(parent, field, place, statement)):
            with change:
                text, after = ast.unparse(tree), _headline(change.statement)
            if text not in seen:
                seen.add(text)
                yield Mutant(function, before, after, text)


def _statements(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int, ast.stmt]]:
    """The statements inside a node, each with its place in its parent, outer ones first."""
    for field in ("body", "orelse"):
        for place, node in enumerate(getattr(parent, field, ())):
            if not _is_text(node):
                yield parent, field, place, node
                yield from _statements(node)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _headline(statement: ast.stmt) -> str:
    """The first line of a statement's text: all of a simple one."""
    return ast.unparse(statement).splitlines()[0]


class Change:
    """Puts a node into its parent while the context is open; `statement` is the statement as it then stands."""

    def __init__(self, statement: ast.stmt, parent: ast.AST, field: str, place: int | None, new: Any) -> None:
        self.statement, self._slot, self._new = statement, (parent, field, place), new

    def __enter__(self) -> None:
        self._old = self._swap(self._new)

    def __exit__(self, *_: object) -> None:
        self._swap(self._old)

    def _swap(self, new: Any) -> Any:
        parent, field, place = self._slot
        if place is None:
            old = getattr(parent, field)
            setattr(parent, field, new)
        else:
            old, getattr(parent, field)[place] = getattr(parent, field)[place], new
        return old


def _removals(parent: ast.AST, field: str, place: int, statement: ast.stmt) -> Iterator[Change]:
    """The change that leaves a statement out, where no name would lack its value."""
    sets_part = isinstance(statement, ast.Assign) and not isinstance(statement.targets[0], ast.Name | ast.Tuple)
    if sets_part or isinstance(statement, ast.AugAssign | ast.Expr):
        nothing = ast.Pass()
        yield Change(nothing, parent, field, place, nothing)


def _changes(statement: ast.stmt) -> Iterator[Change]:
    """The changes of one statement, without those of the statements it holds."""
    if isinstance(statement, ast.AugAssign) and type(statement.op) in BINARY:
        yield Change(statement, statement, "op", None, BINARY[type(statement.op)]())
    if isinstance(statement, ast.If):
        yield Change(statement, statement, "test", None, ast.UnaryOp(ast.Not(), statement.test))
    stack: list[ast.AST] = [statement]
    while stack:
        parent = stack.pop()
        for field, place, node in _children(parent):
            for new in _variants(node):
                yield Change(statement, parent, field, place, new)
            if not (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)):  # -1 only loses its sign
                stack.append(node)


def _children(parent: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(parent):
        for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.expr | ast.Slice | ast.comprehension | ast.keyword):
                yield field, place, node


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may be mistaken for."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in BINARY:
                yield ast.BinOp(left, BINARY[type(op)](), right)
            if not isinstance(op, ast.MatMult):
                yield left
            if isinstance(op, ast.Add | ast.Mult):
                yield right
        case ast.Compare(left, [op], [right]) if type(op) in COMPARE:
            yield ast.Compare(left, [COMPARE[type(op)]()], [right])
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Attribute(value, "T"):
            yield value
        case ast.Call():
            yield from _calls(node)


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    for place in range(len(node.keywords)):
        changed = copy.copy(node)
        changed.keywords = node.keywords[:place] + node.keywords[place + 1 :]
        yield changed
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in SWAPPED:
            changed = copy.copy(node)
            changed.func = ast.Attribute(node.func.value, SWAPPED[node.func.attr])
            yield changed
        elif isinstance(node.func.value, ast.Name) and node.func.value.id == "np" and len(node.args) == 1:
            yield node.args[0]
