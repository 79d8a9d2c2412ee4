"""Generate the notebooks of a course and their check files from their sources, or compare them with these."""

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks.choice import Selection
from ..checks.collect import RUNNING
from ..course.manifest import Manifest, to_fraction, to_number
from ..course.source import locate
from ..errors import CourseError, OutputError, choose
from ..files import claim, write_atomically
from ..grading import run
from . import source
from .checkfiles import HEADER
from .source import SourceCell, find_solutions

if TYPE_CHECKING:  # it takes a second, and a course without notebooks has none
    from nbformat import NotebookNode

KEY = "chainrule"
COMMAND = "python -m grader notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
ANSWER, TUNE = "*Your answer:*", "# Change the values above."
INSTRUCTORS = ("rubric", "answer")
TEMPLATE = """{header}{origin} by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = {points}


@test_case(name="{function}")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {{error.name!r}}; run the notebook's first code cells again") from None
    return judge(name, "{question}", "{function}")
"""


def _assemble(manifest: Manifest, name: str, cells: Iterable[SourceCell]) -> "NotebookNode":
    """Return the cells as a notebook without outputs; ids follow from content and from place among equals."""
    from nbformat import v4

    seen: Counter[str] = Counter()
    nodes = []
    for cell in cells:
        content = _shorten([cell.kind, cell.text])
        seen[content] += 1
        facts = {"id": _shorten([content, seen[content]]), "metadata": cell.metadata}
        code = cell.kind == "code"
        nodes.append(v4.new_code_cell(cell.text, **facts) if code else v4.new_markdown_cell(cell.text, **facts))
    note = {"generated": f'from {_origin(manifest, name)} by "{COMMAND}"', "unedited": digest_cells(nodes)}
    metadata = {KEY: note, "kernelspec": KERNEL, "language_info": LANGUAGE}
    made: NotebookNode = v4.new_notebook(cells=nodes, metadata=metadata)
    return made


def to_bytes(notebook: "NotebookNode") -> bytes:
    """Return a notebook's file as Jupyter itself would write it."""
    import nbformat

    return f"{nbformat.writes(notebook)}\n".encode()


def is_unedited(file: Path) -> bool:
    """Return whether a generated notebook still has the cells it was made with, and none of them was run."""
    notebook = _read(file)
    ran = any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    return not ran and _read_note(notebook).get("unedited") == digest_cells(notebook.cells)


def digest_cells(cells: "Iterable[NotebookNode]") -> str:
    """Return a digest of the kinds and texts of cells."""
    return _shorten([[cell.cell_type, cell.source] for cell in cells])


def _read(file: Path) -> "NotebookNode":
    """Return the notebook in a file; an empty one where it cannot be read."""
    import nbformat

    notebook: NotebookNode = nbformat.v4.new_notebook()
    with contextlib.suppress(Exception):  # whatever it raises, this was not made here
        notebook = nbformat.read(file, as_version=4)
    return notebook


def _read_note(notebook: "NotebookNode") -> dict[str, object]:
    """Return a notebook's note on its origin; an empty one where it was not made here."""
    note: dict[str, object] = notebook.metadata.get(KEY, {})
    return note


def _strip(cell: SourceCell, name: str) -> SourceCell:
    lines = cell.text.splitlines()
    for first, last in reversed(find_solutions(cell)):
        lines[first : last + 1] = _write_stub(cell, name, lines[first])
    metadata = {key: value for key, value in cell.metadata.items() if key not in INSTRUCTORS}
    return replace(cell, text="\n".join(lines).strip("\n"), metadata=metadata)


def _write_stub(cell: SourceCell, name: str, marker: str) -> list[str]:
    """Return the lines that stand in a solution's place."""
    indent = marker[: len(marker) - len(marker.lstrip())]
    if cell.kind == "markdown":
        return [ANSWER]
    if "tune" in cell.tags:
        return [indent + TUNE]
    sentence = json.dumps(f"{name}: {cell.metadata['exercise']}", ensure_ascii=False)
    return [f"{indent}# Write your code here.", f"{indent}raise NotImplementedError({sentence})"]


def _shorten(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]


def make_instructors_notebook(manifest: Manifest, name: str) -> "NotebookNode":
    """Return a notebook with its solutions in place, its model answers and its proofs."""
    return _assemble(manifest, name, read_cells(manifest, name))


def make_students_notebook(manifest: Manifest, name: str) -> "NotebookNode":
    """Return a notebook without proofs, solutions and what only instructors need."""
    kept = [cell for cell in read_cells(manifest, name) if "proof" not in cell.tags]
    return _assemble(manifest, name, [_strip(cell, name) for cell in kept])


def read_cells(manifest: Manifest, name: str) -> list[SourceCell]:
    """Return the cells of a notebook's source. Raise CourseError where there is no such source."""
    origin = choose("notebook", name, {own: _origin(manifest, own) for own in manifest.notebooks})
    return source.load_source(manifest.root / origin, origin)


def generate_notebooks(manifest: Manifest, names: Sequence[str] = ()) -> dict[Path, bytes]:
    """Return every generated file by its path: the named notebooks (all by default) and all check files.

    Raise CourseError for the first fault of a source.
    """
    checks, folder = collect_check_files(manifest), manifest.path("notebooks")
    made = {folder / "tests" / f"{file.name}.py": file.text().encode() for file in checks.values()}
    seen: dict[str, SourceCell] = {}
    for name in names or manifest.notebooks:
        source.validate(read_cells(manifest, name), checks, seen)
        made[folder / f"{name}.ipynb"] = to_bytes(make_students_notebook(manifest, name))
    return made


def find_drift(manifest: Manifest, names: Sequence[str] = ()) -> list[Path]:
    """Return the files that differ from their sources, missing and surplus ones too."""
    return _compare(manifest, generate_notebooks(manifest, names))


def write_notebooks(manifest: Manifest, names: Sequence[str] = (), force: bool = False) -> list[Path]:
    """Write the files that differ and return them. Raise OutputError, writing nothing, where that would undo edits."""
    made = generate_notebooks(manifest, names)
    differing = _compare(manifest, made)
    edited = [f for f in differing if f.suffix == ".ipynb" and f.is_file() and not is_unedited(f)]
    if edited and not force:
        listed = ", ".join(str(file.relative_to(manifest.root)) for file in edited)
        raise OutputError(f"{listed}: edited or run since it was made; move it away, or overwrite it with --force")
    for file in differing:
        if file in made:
            write_atomically(file, made[file])
        else:
            file.unlink()
    return differing


def write_instructors(manifest: Manifest, names: Sequence[str], folder: Path) -> list[Path]:
    """Write notebooks with solutions, model answers and rubrics. Raise OutputError for the students' own folder."""
    if folder.resolve() == manifest.path("notebooks").resolve():
        raise OutputError(f"{folder} holds the students' notebooks; choose another folder")
    made = {
        folder / f"{name}.ipynb": to_bytes(make_instructors_notebook(manifest, name))
        for name in names or manifest.notebooks
    }
    for file in made:
        claim(file, "notebook as it was made, unedited", mine=lambda content: is_unedited(file))
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in made.items():
        write_atomically(file, content)
    return list(made)


def _compare(manifest: Manifest, made: dict[Path, bytes]) -> list[Path]:
    wrong = [file for file, content in made.items() if not file.is_file() or file.read_bytes() != content]
    folder, header = manifest.path("notebooks"), HEADER.encode()
    others = [f for f in sorted(folder.glob("*.ipynb")) if f.stem not in manifest.notebooks and _read_note(_read(f))]
    checks = [f for f in sorted(folder.glob("tests/*.py")) if f not in made and f.read_bytes().startswith(header)]
    return wrong + others + checks


def _origin(manifest: Manifest, name: str) -> str:
    return f"{manifest.paths.notebooks}/source/{name}.py"


@dataclass
class CheckFile:
    """One judged function of one question, with the public points of the checks that judge it."""

    name: str
    question: str
    function: str
    origin: str
    points: Fraction = field(default_factory=Fraction)

    def text(self) -> str:
        """Return the file's content."""
        fields = {"name": self.name, "question": self.question, "function": self.function, "origin": self.origin}
        return TEMPLATE.format(header=HEADER, points=to_number(self.points), **fields)


def collect_check_files(manifest: Manifest) -> dict[str, CheckFile]:
    """Return the check files by name, in the order of manifest and checks.

    Raise CourseError where checks don't load, or two functions make the same name.
    """
    found: dict[str, CheckFile] = {}
    checks = [item.stash[RUNNING] for item in run.collect_items(manifest, Selection())]
    for running in checks:
        for function in running.judged if running.check.visibility == "public" else ():
            name = name_check_file(manifest, running.check.question, function)
            question = manifest.question(running.check.question)
            origin = f"{manifest.paths.public}/{question.file}"
            file = found.setdefault(name, CheckFile(name, question.id, function, origin))
            if file.function != function:
                raise CourseError(f"{file.function} and {function}: both make the check {name}; rename one of them")
            file.points += to_fraction(running.check.points)
    return found


def name_check_file(manifest: Manifest, question: str, function: str) -> str:
    """Return `q2_net_loss` for Q2 and `nets.Net.loss`: the question, the class and the function in snake case."""
    try:
        path = locate(manifest.path("student"), function)[1]
    except LookupError as error:
        raise CourseError(f"{error}; fix the name, or generate the package first") from None
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", part).strip("_") for part in path]
    return "_".join([question, *words]).lower()
