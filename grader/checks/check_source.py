"""Read in a check's own source what it did when it stumbled: nothing of that comes from a submission."""

import ast
from pathlib import Path
from types import TracebackType

from ..sandbox.child.exceptions import find_expression

THE_DICT = "the dict"
ENGINE = str(Path(__file__).parents[1])


def find_names(error: BaseException) -> list[str]:
    """Return the names that a check wanted to give to several values; empty where it did something else."""
    node = _find(error)
    return [ast.unparse(part) for part in node.elts] if isinstance(node, (ast.Tuple, ast.List)) else []


def find_item(error: BaseException) -> tuple[str, str]:
    """Return what a check took an item of, and its key where that is written out; empty where it did not."""
    node = _find(error)
    if not isinstance(node, ast.Subscript):
        return "", ""
    key = ast.unparse(node.slice) if isinstance(node.slice, ast.Constant) else ""
    is_named = isinstance(node.value, (ast.Name, ast.Attribute, ast.Subscript))
    return ast.unparse(node.value) if is_named else THE_DICT, key


def _find(error: BaseException) -> ast.expr | None:
    """Return the expression of the innermost line that is not the engine's."""
    found: TracebackType | None = None
    link = error.__traceback__
    while link is not None:
        found = found if link.tb_frame.f_code.co_filename.startswith(ENGINE) else link
        link = link.tb_next
    return find_expression(found) if found is not None else None
