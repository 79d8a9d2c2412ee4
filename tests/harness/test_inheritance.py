"""A class of the engine extends another by its public methods only, and begins as that one begins."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[2] / "grader"


def broken(texts: list[str]) -> Iterator[str]:
    """Name the classes that override a private method of another, or have it skip its constructor."""
    nodes = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    methods = {
        node.name: {method.name: ast.unparse(method) for method in node.body if isinstance(method, ast.FunctionDef)}
        for node in nodes
    }
    for node in nodes:
        own = methods[node.name]
        for base in [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in methods]:
            shared = own.keys() & methods[base].keys()
            if any(name.startswith("_") and not name.endswith("__") for name in shared):
                yield f"{node.name} overrides a private method of {base}"
            if "__init__" in shared and "super().__init__" not in own["__init__"]:
                yield f"{node.name} skips the constructor of {base}"


def test_no_class_of_the_engine_relies_on_the_inside_of_another():
    assert list(broken([file.read_text() for file in sorted(ENGINE.rglob("*.py"))])) == []


BASE = "class A:\n    def __init__(self):\n        self.x = 1\n    def _ask(self): ...\n    def ask(self): ...\n"


@pytest.mark.parametrize(
    "heir, found",
    [
        ("class B(A):\n    def ask(self): ...\n", []),
        ("class B(A):\n    def __init__(self):\n        super().__init__()\n        self.y = 1\n", []),
        ("class B(A):\n    def _ask(self): ...\n", ["B overrides a private method of A"]),
        ("class B(A):\n    def __init__(self):\n        self.y = 1\n", ["B skips the constructor of A"]),
    ],
)
def test_heirs_that_break_the_rule_are_found(heir, found):
    assert list(broken([BASE, heir])) == found
