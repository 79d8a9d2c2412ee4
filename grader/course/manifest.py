"""The assignment as data: reading `assignment.toml`, with one sentence for each way it can be wrong."""

import re
from pathlib import Path

import msgspec

from ..errors import CourseError, CourseNotFound, ManifestError, UsageError
from .schema import (
    Budget,
    Container,
    Handin,
    Layer,
    LimitsTable,
    Paths,
    Pdf,
    Question,
    Release,
    Report,
    Scale,
    Seeds,
    Submission,
    Table,
    exact,
    plain,
)
from .validation import faults

__all__ = [
    "FILENAME",
    "Manifest",
    "Question",
    "Submission",
    "exact",
    "find",
    "find_for_notebook",
    "load",
    "plain",
]
FILENAME = "assignment.toml"
VERSION_CONTROL = (".git", ".hg", ".svn")
WRITTEN = ("solutions", "*.zip", "*.json", "report.md")  # what the commands for instructors write by default


class Manifest(Table):
    """The whole assignment; `root` is the folder it was read from."""

    title: str
    points: int
    questions: list[Question]
    paths: Paths = Paths()
    submission: Submission = Submission()
    handin: Handin = Handin()
    release: Release = Release()
    limits: LimitsTable = LimitsTable()
    seeds: Seeds = Seeds()
    report: Report = Report()
    container: Container = Container()
    pdf: Pdf = Pdf()
    scales: list[Scale] = msgspec.field(default_factory=list)
    budgets: list[Budget] = msgspec.field(default_factory=list)
    layers: list[Layer] = msgspec.field(default_factory=list)
    demo: list[str] = msgspec.field(default_factory=list)
    notebooks: list[str] = msgspec.field(default_factory=list)
    root: Path = Path()

    def path(self, kind: str) -> Path:
        """The folder of one kind of thing, as in `[paths]`."""
        return self.root / getattr(self.paths, kind)

    def require_reference(self) -> Path:
        """Return the reference's folder; raises CourseError where it is missing, as in every student's copy."""
        folder = self.path("reference")
        if not folder.is_dir():
            raise CourseError(
                f"{folder} is not there, and this needs the reference; only the instructor's side has it"
            )
        return folder

    def collected(self) -> dict[str, Path]:
        """The notebooks that are handed in, by name."""
        names = [name for name in self.notebooks if name not in self.handin.left_out]
        return {name: self.path("notebooks") / f"{name}.ipynb" for name in names}

    def secret_places(self) -> list[Path]:
        """Every folder and file of the course that holds answers, in whatever form, and is there."""
        places = [self.path(kind) for kind in ("reference", "hidden", "mistakes")]
        places += [self.path("notebooks") / "source", *(self.root / name for name in self.container.secrets)]
        places += [self.root / name for name in VERSION_CONTROL]
        places += [place for pattern in WRITTEN for place in sorted(self.root.glob(pattern))]
        return [place for place in places if place.exists()]

    def question(self, name: str) -> Question:
        """The question of that id, whatever its case; raises UsageError naming the ids there are."""
        for question in self.questions:
            if question.id.lower() == name.lower():
                return question
        raise UsageError(f"there is no question {name!r}; choose from {', '.join(q.id for q in self.questions)}")

    def scale(self, name: str) -> Scale:
        """The scale of that name; raises UsageError naming those there are."""
        for scale in self.scales:
            if scale.name == name:
                return scale
        raise UsageError(f"there is no scale {name!r}; choose from {', '.join(s.name for s in self.scales) or 'none'}")

    def budget(self, name: str) -> Budget:
        """The budget of that name; raises UsageError naming those there are."""
        for budget in self.budgets:
            if budget.name == name:
                return budget
        raise UsageError(
            f"there is no budget {name!r}; choose from {', '.join(b.name for b in self.budgets) or 'none'}"
        )

    def functions(self) -> dict[str, Question]:
        """Every function of the assignment with its question."""
        return {name: question for question in self.questions for name in question.functions}

    def forward_of(self, name: str) -> str:
        """The forward pass whose gradients a backward pass returns; empty for any other function."""
        return next((layer.forward for layer in self.layers if name in layer.backward), "")

    def family(self, name: str) -> set[str]:
        """All passes that compute the same layer as this function; the function alone where it is no layer's."""
        kinds = {layer.kind for layer in self.layers if name in layer.passes}
        return {name}.union(*(layer.passes for layer in self.layers if layer.kind in kinds))

    def twins(self, name: str) -> set[str]:
        """Those of a function's family that return the same for the same arguments, itself among them."""
        forward = {layer.forward for layer in self.layers}
        return {other for other in self.family(name) if (other in forward) == (name in forward)}


def find(start: Path) -> Path:
    """Return the nearest manifest in `start` or above it; raises CourseNotFound where there is none."""
    for folder in [start.resolve(), *start.resolve().parents]:
        if (folder / FILENAME).is_file():
            return folder / FILENAME
    raise CourseNotFound(f"no {FILENAME} in {start} or above it; run this in the assignment's folder")


def find_for_notebook(start: Path) -> Path:
    """Return the manifest nearest to a kernel's folder, which may be any, else the one of the course around the engine.

    Raises CourseNotFound where there is neither.
    """
    try:
        return find(start)
    except CourseNotFound:
        file = Path(__file__).resolve().parents[2] / FILENAME
        if file.is_file():
            return file
        raise


def load(file: Path) -> Manifest:
    """Reads and validates a manifest; raises ManifestError with file, key and remedy."""
    try:
        table = msgspec.toml.decode(file.read_bytes(), type=Manifest)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    except msgspec.ValidationError as error:
        raise ManifestError(f"{file}: {_located(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: not valid TOML ({error}); mend that line") from None
    manifest = msgspec.structs.replace(table, root=file.parent.resolve())
    for problem in faults(manifest):
        raise ManifestError(f"{file}: {problem}")
    return manifest


def _located(message: str) -> str:
    """msgspec's sentence with the key in front: `questions[2].points`, then what is wrong, then what to do."""
    text, _, path = message.partition(" - at `")
    key = path.strip("`").removeprefix("$").lstrip(".")
    unknown = re.search(r"unknown field `(\w+)`", text)
    if unknown:
        return f"{'.'.join(filter(None, [key, unknown[1]]))}: unknown key; remove it or mend its spelling"
    missing = re.search(r"missing required field `(\w+)`", text)
    if missing:
        return f"{'.'.join(filter(None, [key, missing[1]]))}: missing; add this key"
    return f"{key}: {text[:1].lower()}{text[1:]}; give the value that type"
