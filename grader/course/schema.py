"""The manifest as data: tables of `assignment.toml` and of an edition, what each key means, and its default."""

from collections.abc import Collection
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from .. import limits
from ..errors import CourseError, choose

HISTORIES_AND_OUTPUTS = (".git", ".hg", ".svn", "solutions", "class", "*.zip", "*.json", "report.md")
PositiveInt = Annotated[int, msgspec.Meta(gt=0)]
Positive = PositiveInt | Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class ManifestTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A table of the manifest, in which an unknown key is an error."""


class Paths(ManifestTable, frozen=True):
    """Where things lie, relative to the manifest's folder."""

    student: str = "student"
    reference: str = "reference"
    public: str = "tests/public"
    hidden: str = "tests/hidden"
    mistakes: str = "tests/harness/mistakes"
    notebooks: str = "notebooks"
    editions: str = "editions"


class Question(ManifestTable, frozen=True):
    """One question: its checks are in `test_<id>_<slug>.py`, in lower case, of the public and the hidden folder."""

    id: str
    slug: str
    title: str
    functions: list[str]
    public_points: Amount = 0
    hidden_points: Amount = 0
    libraries: list[str] = msgspec.field(default_factory=lambda: ["numpy"])

    @property
    def points(self) -> Fraction:
        return to_fraction(self.public_points) + to_fraction(self.hidden_points)

    @property
    def file(self) -> str:
        return f"test_{self.id.lower()}_{self.slug}.py"


class Layer(ManifestTable, frozen=True):
    """One layer's passes: a forward pass and the backward passes that take its cache and return its gradients.

    `same_as` names the forward pass of another entry that computes the same, with a cache of its own.
    """

    forward: str
    backward: list[str]
    same_as: str = ""

    @property
    def passes(self) -> list[str]:
        return [self.forward, *self.backward]


class Submission(ManifestTable, frozen=True):
    """Rules for a submission: files it must hold, the names of its folder, and its largest size."""

    packages: list[str] = msgspec.field(default_factory=lambda: ["student"])
    required: list[str] = msgspec.field(default_factory=list)
    max_files: int = limits.SUBMISSION_FILES
    max_megabytes: int = limits.SUBMISSION_MEGABYTES


class Submit(ManifestTable, frozen=True):
    """Names of the zip and the PDF that `submit` makes, the notebooks left out, and the size of a large file."""

    zip: str = "code_submission.zip"
    pdf: str = "inline_submission.pdf"
    left_out: list[str] = msgspec.field(default_factory=list)
    large_megabytes: Positive = limits.LARGE_FILE_MEGABYTES


class Release(ManifestTable, frozen=True):
    """The students' bundle: where Colab finds the notebooks, and lines of solutions that are no secret."""

    colab: str = ""
    known_lines: list[str] = msgspec.field(default_factory=list)


class LimitsTable(ManifestTable, frozen=True):
    """Seconds of wall clock per call and per run, seconds of CPU per run and per check, megabytes per worker."""

    call_seconds: Positive = limits.CALL_SECONDS
    run_seconds: Positive = limits.RUN_SECONDS
    wall_seconds: Positive = limits.WALL_SECONDS
    cpu_seconds: PositiveInt = limits.CPU_SECONDS
    memory_mb: PositiveInt = limits.MEMORY_MB


class Seeds(ManifestTable, frozen=True):
    """The seed of the public checks, and how many secret ones a graded run adds."""

    public: int = 231
    secret: Annotated[int, msgspec.Meta(ge=0)] = 2


class Scale(ManifestTable, frozen=True):
    """Points for a measured value: `steps` are pairs of a least value and points; `title` is for the leaderboard."""

    name: str
    title: str
    steps: list[tuple[int | float, Positive]]

    def earned(self, value: float) -> int | float:
        """Return the points of the highest step that the value reaches."""
        return max((points for least, points in self.steps if value >= least), default=0)


class Budget(ManifestTable, frozen=True):
    """The most that checks of `function` may spend on it: CPU seconds in all, and the megabytes of a file.

    `title` says what that is, for messages; `file` is a path in the package.
    """

    name: str
    title: str
    function: str
    cpu_seconds: int | float
    file: str = ""
    megabytes: int | float = 0


class Report(ManifestTable, frozen=True):
    """Says when Gradescope shows public and hidden checks, whether a row is a function's or a check, who gets hints."""

    public_visibility: Literal["hidden", "after_due_date", "after_published", "visible"] = "visible"
    hidden_visibility: Literal["hidden", "after_due_date", "after_published", "visible"] = "after_published"
    rows: Literal["function", "check"] = "function"
    hints: Literal["always", "after 3 failures", "never"] = "always"


class Late(ManifestTable, frozen=True):
    """The cost of days late in a gradebook: percent of the assignment's points for each day begun, `cap` at most.

    `due` is an ISO 8601 time with its zone; empty, nothing is late. Within `grace_minutes` of it nothing is either.
    """

    due: str = ""
    grace_minutes: Amount = 0
    per_day: Amount = 0
    cap: Amount = 100


class Container(ManifestTable, frozen=True):
    """Gradescope's container: its time limit, where the run ends before it, what is installed, how often to submit.

    `secrets` are files of 128 random bits each, made at first use; `edition` is the one to grade by.
    """

    seconds: int = limits.CONTAINER_SECONDS
    reserve: int = limits.CONTAINER_RESERVE_SECONDS
    packages: list[str] = msgspec.field(default_factory=list)
    pip_flags: str = ""
    rate_limit: str = ""
    edition: str = ""
    secrets: list[str] = msgspec.field(default_factory=list)


class Pdf(ManifestTable, frozen=True):
    """Notebooks as PDF: what of one output is shown, the paper, where names stand and missing images may lie."""

    output_lines: PositiveInt = limits.PDF_OUTPUT_LINES
    output_characters: PositiveInt = limits.PDF_OUTPUT_CHARACTERS
    table_rows: PositiveInt = limits.PDF_TABLE_ROWS
    image_megapixels: Positive = limits.PDF_IMAGE_MEGAPIXELS
    paper: Literal["a4", "us-letter"] = "a4"
    question_pages: bool = False
    names_file: str = "names.txt"
    assets: list[str] = msgspec.field(default_factory=list)


class LeftOut(ManifestTable, frozen=True):
    """Checks that an edition leaves out, and why: all of a question, of a judged function, or of a kind of promise."""

    why: str
    questions: list[str] = []
    functions: list[str] = []
    promises: list[str] = []
    points: int | float = 0  # those of its questions, filled in where the edition is chosen


class Edition(ManifestTable, frozen=True):
    """Another year's course, graded by the checks of this one; it adds to the edition that it is `like`.

    Files of the course take the place of `given` ones; `shims` answer old imports by parts of the standard library.
    """

    title: str
    like: str = ""
    packages: list[str] = []
    required: list[str] = []
    left_out: list[LeftOut] = []
    renamed: dict[str, dict[str, str]] = {}
    given: dict[str, str] = {}
    shims: dict[str, dict[str, str]] = {}

    def find_entry(self, functions: Collection[str], promise: str = "") -> LeftOut | None:
        """Return the entry by which it leaves out a check of these functions and this promise; None without one."""
        return next((one for one in self.left_out if promise in one.promises or {*functions} & {*one.functions}), None)


class Manifest(ManifestTable, frozen=True):
    """The whole assignment; `root` is the folder it was read from, `edition` the one that it was changed to."""

    title: str
    points: int
    questions: list[Question]
    paths: Paths = Paths()
    submission: Submission = Submission()
    submit: Submit = Submit()
    release: Release = Release()
    limits: LimitsTable = LimitsTable()
    seeds: Seeds = Seeds()
    report: Report = Report()
    late: Late = Late()
    container: Container = Container()
    pdf: Pdf = Pdf()
    scales: list[Scale] = msgspec.field(default_factory=list)
    budgets: list[Budget] = msgspec.field(default_factory=list)
    layers: list[Layer] = msgspec.field(default_factory=list)
    demo: list[str] = msgspec.field(default_factory=list)
    notebooks: list[str] = msgspec.field(default_factory=list)
    root: Path = Path()
    edition: Edition | None = None

    def path(self, kind: str) -> Path:
        """Return the folder of one kind of thing, as in `[paths]`."""
        return self.root / str(getattr(self.paths, kind))

    def require_reference(self) -> Path:
        """Return the reference's folder. Raise CourseError where it is missing, as in every student's copy."""
        if (folder := self.path("reference")).is_dir():
            return folder
        raise CourseError(f"{folder} is not there, and this needs the reference; only the instructor's side has it")

    def collected_notebooks(self) -> dict[str, Path]:
        """Return the notebooks that are handed in, by name."""
        folder, left_out = self.path("notebooks"), self.submit.left_out
        return {name: folder / f"{name}.ipynb" for name in self.notebooks if name not in left_out}

    def secret_places(self) -> list[Path]:
        """Return every folder and file of the course that holds answers, in whatever form, and is there."""
        places = [*map(self.path, ("reference", "hidden", "mistakes", "editions")), self.path("notebooks") / "source"]
        patterns = *self.container.secrets, *HISTORIES_AND_OUTPUTS
        places += [place for pattern in patterns for place in sorted(self.root.glob(pattern))]
        return [place for place in places if place.exists()]

    def question(self, name: str) -> Question:
        """Return the question of that id, whatever its case. Raise UsageError naming the ids there are."""
        known = {question.id: question for question in self.questions}
        return choose("question", next((own for own in known if own.lower() == name.lower()), name), known)

    def scale(self, name: str) -> Scale:
        """Return the scale of that name. Raise UsageError naming those there are."""
        return choose("scale", name, {scale.name: scale for scale in self.scales})

    def budget(self, name: str) -> Budget:
        """Return the budget of that name. Raise UsageError naming those there are."""
        return choose("budget", name, {budget.name: budget for budget in self.budgets})

    def functions(self) -> dict[str, Question]:
        """Return every function of the assignment with its question."""
        return {name: question for question in self.questions for name in question.functions}

    def find_layer_passes(self, name: str) -> set[str]:
        """Return all passes that compute the same layer as this function; the function alone where it is no layer's."""
        kinds = {layer.same_as or layer.forward for layer in self.layers if name in layer.passes}
        return {name}.union(*(layer.passes for layer in self.layers if {layer.same_as, layer.forward} & kinds))

    def find_equivalents(self, name: str) -> set[str]:
        """Return the functions of its family that return the same for the same arguments, itself among them."""
        forward = {layer.forward for layer in self.layers}
        return {other for other in self.find_layer_passes(name) if (other in forward) == (name in forward)}


@cache
def to_fraction(points: float) -> Fraction:
    """Return points as an exact fraction of their decimal spelling, so that sums don't drift."""
    return Fraction(str(points))


def to_number(points: Fraction) -> int | float:
    """Return points as people write them: 2 or 0.25."""
    return int(points) if points.denominator == 1 else float(points)
