"""Measure the engine's house: rooms, sizes, import arrows, circles and names that are defined more than once.

`python -m tests.harness.structure` prints the measures beside their goals; `--draw` also writes docs/architecture.svg.
Imports count wherever they stand: at the top, under TYPE_CHECKING or in a function. A late import may close a circle
only where a comment on its line, or on the line above its block, says that start-up time is the reason.
"""

import argparse
import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.harness.structure_picture import draw

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/architecture.svg"
ENGINE = "grader"
# The rooms from top to bottom: each may import those below it. The foundation is what lies beside the rooms.
ORDER = (
    "cli",
    "classroom",
    "release",
    "submit",
    "notebooks",
    "grading",
    "checks",
    "recording",
    "pdf",
    "results",
    "sandbox",
    "submission",
    "course",
    "foundation",
)
TOP = "cli"  # the entry points beside the rooms belong to it
ENTRIES = ("__main__", "otter_adapter")
MOST_MODULES, MOST_LINES, MOST_FUNCTION_LINES = 105, 300, 45
START_UP = "start-up"

Arrow = tuple[str, str]


@dataclass(frozen=True)
class Import:
    """One imported module of the engine, and whether the import may be part of a circle."""

    module: str
    excused: bool = False


@dataclass
class Module:
    """One module: its dotted name, its text and its syntax tree."""

    name: str
    text: str
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        """Return the folder that the module lies in; beside the folders are entry points and the foundation."""
        first, *rest = self.name.removeprefix(f"{ENGINE}.").split(".")
        if rest or (self.is_package and first != ENGINE):
            return first
        return TOP if first in ENTRIES else "foundation"

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def functions(self) -> dict[str, int]:
        """Return the lines of each function by its dotted name, from its `def` to its end."""
        return dict(_functions(self.tree, ""))

    @cached_property
    def public(self) -> set[str]:
        """Return the classes, functions and types that the module's top level defines and does not mark as private."""
        names = {node.name for node in self.tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            names |= {target.id for target in targets if isinstance(target, ast.Name) and not target.id.isupper()}
        return {name for name in names if not name.startswith("_")}


@dataclass
class House:
    """The engine's modules by name, and what each imports."""

    modules: dict[str, Module] = field(default_factory=dict)
    imports: dict[str, list[Import]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path = ROOT) -> "House":
        """Read every module below the engine's folder in `root`."""
        house = cls()
        for file in sorted((root / ENGINE).rglob("*.py")):
            parts = list(file.relative_to(root).with_suffix("").parts)
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            house.modules[name] = Module(name, file.read_text(encoding="utf-8"), is_package)
        for module in house.modules.values():
            house.imports[module.name] = sorted(set(_imports(module, house.modules)), key=lambda one: one.module)
        return house

    def rooms(self) -> dict[str, list[Module]]:
        """Return the modules of each room, the rooms from top to bottom."""
        found = defaultdict(list)
        for module in self.modules.values():
            found[module.room].append(module)
        return {room: found[room] for room in sorted(found, key=_rank)}

    def arrows(self) -> dict[Arrow, list[str]]:
        """Return the arrows between rooms, each with the imports that make it."""
        found = defaultdict(list)
        for name, imports in self.imports.items():
            for one in imports:
                arrow = self.modules[name].room, self.modules[one.module].room
                if arrow[0] != arrow[1]:
                    found[arrow].append(f"{name} -> {one.module}")
        return dict(found)

    def upward(self) -> dict[Arrow, list[str]]:
        """Return the arrows that run against the declared order of rooms."""
        return {arrow: why for arrow, why in self.arrows().items() if _rank(arrow[0]) > _rank(arrow[1])}

    def circles(self) -> list[list[str]]:
        """Return the groups of modules that import each other, directly or through others."""
        graph = {name: {one.module for one in found if not one.excused} for name, found in self.imports.items()}
        reached = {name: _reachable(graph, name) for name in graph}
        groups = {tuple(sorted(o for o in reached[name] if name in reached[o])) for name in graph}
        return sorted(list(group) for group in groups if group)

    def defined_twice(self) -> dict[str, list[str]]:
        """Return the public names that several modules define, with these modules."""
        found = defaultdict(list)
        for module in self.modules.values():
            for name in module.public:
                found[name].append(module.name)
        return {name: places for name, places in sorted(found.items()) if len(places) > 1}

    def too_long(self) -> dict[str, int]:
        """Return the modules and functions that are over their limits, with their lines."""
        found = {}
        for module in self.modules.values():
            found |= {module.name: module.lines} if module.lines > MOST_LINES else {}
            long = {name: lines for name, lines in module.functions.items() if lines > MOST_FUNCTION_LINES}
            found |= {f"{module.name}.{name}": lines for name, lines in long.items()}
        return found


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not isinstance(inner, ast.ClassDef):
                yield f"{prefix}{inner.name}", (inner.end_lineno or inner.lineno) - inner.lineno + 1
            yield from _functions(inner, f"{prefix}{inner.name}.")
        else:
            yield from _functions(inner, prefix)


def _imports(module: Module, modules: dict[str, Module]) -> Iterator[Import]:
    """Yield what a module imports of the engine; a package counts only where a name of its own is taken from it."""
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    comments = {number for number, line in enumerate(module.text.splitlines(), 1) if START_UP in line.partition("#")[2]}
    nodes = [node for node in ast.walk(module.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    excused_end = 0
    for node in sorted(nodes, key=lambda node: node.lineno):
        end = node.end_lineno or node.lineno
        excused = excused_end == node.lineno - 1 or not comments.isdisjoint(range(node.lineno - 1, end + 1))
        excused_end = end if excused else 0
        for name in _named(node, module, modules):
            if name in modules and name != module.name:
                yield Import(name, excused and id(node) in late)


def _named(node: ast.Import | ast.ImportFrom, module: Module, modules: dict[str, Module]) -> list[str]:
    """Return the modules of an import statement: `from a import b` means the module a.b where there is one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        above = module.name.split(".")[: None if module.is_package else -1]
        base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [node.module])])
    return [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        for following in graph[waiting.pop()] - found:
            found.add(following)
            waiting.append(following)
    return found


def _rank(room: str) -> int:
    return ORDER.index(room) if room in ORDER else len(ORDER)


def picture(house: House) -> str:
    """Return the picture of the rooms, each with the first line of its docstring."""
    says = {room: _promise(house, room, modules) for room, modules in house.rooms().items()}
    return draw(says, {arrow for arrow in house.arrows() if arrow not in house.upward()})


def _promise(house: House, room: str, modules: list[Module]) -> str:
    package = house.modules.get(f"{ENGINE}.{room}")
    if package is None:
        names = (module.name.removeprefix(f"{ENGINE}.") for module in modules if not module.is_package)
        return f"Beside the rooms, for all of them: {', '.join(sorted(names))}."
    return (ast.get_docstring(package.tree) or "").partition("\n")[0]


def print_measures(house: House) -> None:
    """Print the rooms' sizes beside their goals, then arrows, circles and names that stand twice."""
    heads = ("Room", "Modules", "Lines", "Functions", "Longest function", "Longest module")
    print("{:<12}{:>9}{:>8}{:>11}  {:<52}{}".format(*heads))
    everything = list(house.modules.values())
    for room, modules in [*house.rooms().items(), ("all", everything)]:
        print(_row(room, modules))
    print(f"goals: {MOST_MODULES} modules, {MOST_LINES} lines in one, {MOST_FUNCTION_LINES} lines in a function")
    _print_part("over a limit", [f"{name}: {lines} lines" for name, lines in house.too_long().items()])
    arrows = defaultdict(list)
    for above, below in house.arrows():
        arrows[above].append(below)
    _print_part("arrows", [f"{room} -> {', '.join(sorted(arrows[room], key=_rank))}" for room in house.rooms()])
    upward = house.upward().items()
    _print_part("arrows upward", [f"{above} -> {below}: {', '.join(why)}" for (above, below), why in upward])
    _print_part("circles", [" <-> ".join(circle) for circle in house.circles()])
    twice = house.defined_twice().items()
    _print_part("names that several modules define", [f"{name}: {', '.join(places)}" for name, places in twice])


def _row(room: str, modules: list[Module]) -> str:
    functions = [(lines, f"{module.name}.{name}") for module in modules for name, lines in module.functions.items()]
    longest, function = max(functions, default=(0, "none"))
    size, module = max((module.lines, module.name) for module in modules)
    lines = sum(module.lines for module in modules)
    shown = f"{longest} {function.removeprefix(f'{ENGINE}.')}"
    return f"{room:<12}{len(modules):>9}{lines:>8}{len(functions):>11}  {shown:<52}{size} {module}"


def _print_part(title: str, lines: list[str]) -> None:
    print(f"\n{title}: {len(lines) or 'none'}")
    for line in lines:
        print(f"  {line}")


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the measures; with --draw also write the picture of the rooms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true", help="write docs/architecture.svg too")
    options = parser.parse_args(arguments)
    house = House.read()
    print_measures(house)
    if options.draw:
        PICTURE.write_text(picture(house), encoding="utf-8")


if __name__ == "__main__":
    main()
