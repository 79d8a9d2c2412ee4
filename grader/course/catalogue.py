"""Read the catalogue of a question, misconceptions and right ways, from `<id>.toml`, and plant what it lists."""

import ast
import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from ..errors import CourseError
from ..files import advise
from .manifest import Manifest, read_toml
from .source import find_span, locate

MOST_WORDS = 40  # of a sentence: what is read at a glance below a failure
CELL = re.compile(r"# ?%%(.*)")
HEADING = re.compile(r"# (#+) (.+)")


class RightWay(msgspec.Struct, forbid_unknown_fields=True):
    """One right way of writing a function, which may be a helper.

    `find` becomes `replace` in it; or `body` takes the place of what stands below its docstring; or `append` is put at
    the module's end.
    """

    id: str
    title: str
    function: str
    find: str = ""
    replace: str = ""
    append: str = ""
    body: str = ""


class Variant(RightWay):
    """One way of writing a function: of a misconception, with the checks that it costs, or a right one.

    `why` is the reason where it costs more than a fifth of the points of its function. `misconception` is the id of the
    one it belongs to, empty for a right way.
    """

    function: str = ""
    costs: list[str] = []
    why: str = ""
    misconception: str = ""


class Misconception(msgspec.Struct, forbid_unknown_fields=True):
    """A wrong idea of a function: a sentence that teaches, a section of a notebook, and the ways in which it shows."""

    id: str
    function: str
    sentence: str
    section: str = ""
    variants: list[Variant] = msgspec.field(default_factory=list, name="variant")

    def __post_init__(self) -> None:
        self.sentence = " ".join(self.sentence.split())
        for variant in self.variants:
            variant.function, variant.misconception = variant.function or self.function, self.id


@dataclass(frozen=True)
class Catalogue:
    """The misconceptions and right ways that the file of a question lists."""

    file: Path
    question: str
    misconceptions: list[Misconception]
    right_ways: list[Variant]

    @property
    def variants(self) -> list[Variant]:
        """Return all that can be planted: wrong ways, then right ones."""
        return [variant for one in self.misconceptions for variant in one.variants] + self.right_ways

    def fault(self, entry: str, sentence: str) -> CourseError:
        """Return an error that names the file and an entry."""
        return CourseError(f"{self.file}: {entry}: {sentence}")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    misconception: list[Misconception] = []
    right_way: list[RightWay] = []


def load_catalogues(manifest: Manifest, names: Sequence[str] = ()) -> list[Catalogue]:
    """Read the catalogues of some questions, of all by default. Raise CourseError with file, entry and remedy.

    Each misconception has an id of its own in all of them, each variant and right way in its file.
    """
    questions = [manifest.question(name) for name in names] or manifest.questions
    found = [load_catalogue(manifest, question.id) for question in questions]
    _reject_repeated((catalogue, "misconception", one.id) for catalogue in found for one in catalogue.misconceptions)
    return found


def load_catalogue(manifest: Manifest, question: str) -> Catalogue:
    """Read the catalogue of one question. Raise CourseError with file, entry and remedy."""
    file = manifest.path("mistakes") / f"{question.lower()}.toml"
    try:
        listed = read_toml(file, _File)
    except FileNotFoundError:
        raise CourseError(f"{file}: there are no known mistakes for {question}; write this file") from None
    right_ways = [Variant(**msgspec.structs.asdict(way)) for way in listed.right_way]
    found = Catalogue(file, question, listed.misconception, right_ways)
    _reject_repeated((found, "variant" if way.misconception else "right way", way.id) for way in found.variants)
    for misconception in found.misconceptions:
        _validate(manifest, found, misconception)
    return found


def plant(variant: Variant, package: Path) -> Path:
    """Write the variant into a package; return the changed module. Raise CourseError for a `find` not there once."""
    try:
        module, path = locate(package, variant.function)
        source = module.read_text(encoding="utf-8")
        start, end = find_span(source, path)
    except LookupError as error:
        raise CourseError(f"mistake {variant.id}: {error}; fix the name") from None
    if variant.append:
        module.write_text(f"{source}\n\n{variant.append}", encoding="utf-8")
        return module
    text = source[start:end]
    if not variant.body and (not variant.find or text.count(variant.find) != 1):
        count = text.count(variant.find) if variant.find else "no"
        raise CourseError(f"mistake {variant.id}: {count} places match `find` in {variant.function}; it must be one")
    planted = _replace_body(text, variant.body) if variant.body else text.replace(variant.find, variant.replace)
    module.write_text(source[:start] + planted + source[end:], encoding="utf-8")
    return module


def _replace_body(text: str, body: str) -> str:
    """Replace what stands below the docstring in the text of a function."""
    function = ast.parse(textwrap.dedent(text)).body[0]
    assert isinstance(function, ast.FunctionDef)  # that is what `find_span` finds
    first = function.body[0]
    above = first.end_lineno if ast.get_docstring(function) is not None else first.lineno - 1
    lines = text.splitlines(keepends=True)
    margin = " " * (len(lines[0]) - len(lines[0].lstrip()) + first.col_offset)
    return "".join(lines[:above]) + textwrap.indent(textwrap.dedent(body).strip("\n"), margin) + "\n"


def copy_reference(manifest: Manifest, target: Path) -> Path:
    """Copy the reference, without data, to where mistakes can be planted."""
    return Path(
        shutil.copytree(manifest.path("reference"), target, ignore=shutil.ignore_patterns("__pycache__", "datasets"))
    )


def _reject_repeated(entries: Iterable[tuple[Catalogue, str, str]]) -> None:
    """Raise CourseError where two entries, each a catalogue, a kind and an id, have one id."""
    seen: dict[str, str] = {}
    for catalogue, kind, name in entries:
        if name in seen:
            raise catalogue.fault(f"{kind} {name}", f"this id stands in {seen[name]} already; rename one of the two")
        seen[name] = catalogue.file.name


def _validate(manifest: Manifest, catalogue: Catalogue, one: Misconception) -> None:
    """Raise CourseError for the first fault of a misconception."""
    entry, words = f"misconception {one.id}", len(one.sentence.split())
    if one.function not in manifest.functions():
        remedy = advise(one.function, manifest.functions(), "name the judged function that it is about")
        raise catalogue.fault(entry, f"the manifest has no function {one.function!r}; {remedy}")
    if not 0 < words <= MOST_WORDS:
        remedy = "shorten it" if words else "say what equals what, and the idea behind"
        raise catalogue.fault(entry, f"its sentence has {words} words, and {MOST_WORDS} are the most; {remedy}")
    if not one.variants:
        raise catalogue.fault(entry, "it has no variant; add a [[misconception.variant]] below it")
    for variant in one.variants:
        if not variant.costs:
            remedy = "list the checks that reject it, or make it a [[right_way]]"
            raise catalogue.fault(f"variant {variant.id}", f"it costs nothing; {remedy}")
    if fault := _find_fault_of_section(manifest, one.section):
        raise catalogue.fault(entry, fault)


def _find_fault_of_section(manifest: Manifest, section: str) -> str:
    """Return what is wrong with a pointer into a notebook, empty where it leads to one heading."""
    sources = manifest.path("notebooks") / "source"
    if not sources.is_dir() or not (section or manifest.notebooks):  # Gradescope's zip holds no notebooks
        return ""
    name, _, heading = section.partition(": ")
    if name not in manifest.notebooks:
        remedy = advise(name, manifest.notebooks, 'write section = "notebook: heading"')
        return f"section {section!r} begins with no notebook of the manifest; {remedy}"
    source = sources / f"{name}.py"
    paths = list_headings(source.read_text(encoding="utf-8")) if source.is_file() else []
    found = [path for path in paths if f": {': '.join(path)}".endswith(f": {heading}")]
    if len(found) > 1:
        others = ", ".join(repr(": ".join(path[-2:])) for path in found)
        return f"section {section!r} may be {others}; write the heading above in front of it"
    if found:
        return ""
    remedy = advise(heading, [path[-1] for path in paths], "copy one from there")
    return f"{source} has no heading {heading!r}; {remedy}"


@lru_cache(maxsize=32)  # many entries point into one notebook
def list_headings(source: str) -> list[tuple[str, ...]]:
    """Return the headings of a notebook's source in their order, each with those above it in front."""
    found: list[tuple[str, ...]] = []
    levels: list[int] = []
    markdown = False
    for line in source.splitlines():
        if mark := CELL.fullmatch(line):
            markdown = "[markdown]" in mark[1]
        elif markdown and (heading := HEADING.fullmatch(line)):
            level, above = len(heading[1]), found[-1] if found else ()
            kept = sum(other < level for other in levels)
            levels = [*levels[:kept], level]
            found.append((*above[:kept], heading[2].strip()))
    return found
