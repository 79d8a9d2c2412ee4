"""The tables of `assignment.toml` and what each key means."""

from fractions import Fraction
from functools import cache
from typing import Literal

import msgspec

from .. import limits


class Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A table in which an unknown key is an error."""


class Paths(Table):
    """Where things lie, relative to the manifest's folder."""

    student: str = "student"
    reference: str = "reference"
    public: str = "tests/public"
    hidden: str = "tests/hidden"
    mistakes: str = "tests/harness/mistakes"
    notebooks: str = "notebooks"


class Question(Table):
    """One question: its checks are in `test_<id>_<slug>.py`, in lower case, of the public and the hidden folder."""

    id: str
    slug: str
    title: str
    functions: list[str]
    public_points: int | float = 0
    hidden_points: int | float = 0
    libraries: list[str] = msgspec.field(default_factory=lambda: ["numpy"])

    @property
    def points(self) -> Fraction:
        return exact(self.public_points) + exact(self.hidden_points)

    @property
    def file(self) -> str:
        return f"test_{self.id.lower()}_{self.slug}.py"


class Layer(Table):
    """One layer's passes: a forward pass and the backward passes that take its cache and return its gradients.

    `same_as` names the forward pass of another entry that computes the same, with a cache of its own.
    """

    forward: str
    backward: list[str]
    same_as: str = ""

    @property
    def passes(self) -> list[str]:
        return [self.forward, *self.backward]

    @property
    def kind(self) -> str:
        """One name for all entries that compute the same."""
        return self.same_as or self.forward


class Submission(Table):
    """What a hand-in must hold, the names its folder may have, and how large it may be."""

    packages: list[str] = msgspec.field(default_factory=lambda: ["student"])
    required: list[str] = msgspec.field(default_factory=list)
    max_files: int = limits.SUBMISSION_FILES
    max_megabytes: int = limits.SUBMISSION_MEGABYTES


class Handin(Table):
    """What `submit` makes: the names of the zip and of the PDF, the notebooks left out, the size of a large file."""

    zip: str = "code_submission.zip"
    pdf: str = "inline_submission.pdf"
    left_out: list[str] = msgspec.field(default_factory=list)
    large_megabytes: int | float = limits.LARGE_FILE_MEGABYTES


class Release(Table):
    """What students get: where Colab finds the notebooks, and lines of solutions that are no secret."""

    colab: str = ""
    known_lines: list[str] = msgspec.field(default_factory=list)


class LimitsTable(Table):
    """Seconds of wall clock per call and per run, seconds of CPU per check, megabytes per worker."""

    call_seconds: int | float = limits.CALL_SECONDS
    run_seconds: int | float = limits.RUN_SECONDS
    cpu_seconds: int = limits.CPU_SECONDS
    memory_mb: int = limits.MEMORY_MB


class Seeds(Table):
    """The seed of the public checks, and how many secret ones a graded run adds."""

    public: int = 231
    secret: int = 2


class Scale(Table):
    """What a measured value earns: `steps` are pairs of a least value and points; `title` is for the leaderboard."""

    name: str
    title: str
    steps: list[tuple[int | float, int | float]]

    def earned(self, value: float) -> int | float:
        """The points of the highest step that the value reaches."""
        return max((points for least, points in self.steps if value >= least), default=0)

    def next_step(self, value: float) -> tuple[int | float, int | float] | None:
        """The first step that the value does not reach."""
        return next((step for step in self.steps if not value >= step[0]), None)


class Budget(Table):
    """What may be spent on what the checks of `function` do with it: CPU seconds in all, and the megabytes of a file.

    `title` says what that is, for messages; `file` is a path in the package.
    """

    name: str
    title: str
    function: str
    cpu_seconds: int | float
    file: str = ""
    megabytes: int | float = 0


class Report(Table):
    """What students see of public and of hidden checks on Gradescope."""

    public_visibility: Literal["hidden", "after_due_date", "after_published", "visible"] = "visible"
    hidden_visibility: Literal["hidden", "after_due_date", "after_published", "visible"] = "after_published"


class Container(Table):
    """Gradescope's container: its time limit, where the run ends before it, what is installed, how often to submit.

    `secrets` are files of 128 random bits each, made at first use and packed; checks derive from them what nobody may
    know and every run must repeat.
    """

    seconds: int = limits.CONTAINER_SECONDS
    reserve: int = limits.CONTAINER_RESERVE_SECONDS
    packages: list[str] = msgspec.field(default_factory=list)
    pip_flags: str = ""
    rate_limit: str = ""
    secrets: list[str] = msgspec.field(default_factory=list)


class Pdf(Table):
    """Notebooks as PDF: what of one output is shown, the paper, where names stand and missing images may lie."""

    output_lines: int = limits.PDF_OUTPUT_LINES
    output_characters: int = limits.PDF_OUTPUT_CHARACTERS
    table_rows: int = limits.PDF_TABLE_ROWS
    image_megapixels: int | float = limits.PDF_IMAGE_MEGAPIXELS
    paper: Literal["a4", "us-letter"] = "a4"
    question_pages: bool = False
    names_file: str = "names.txt"
    assets: list[str] = msgspec.field(default_factory=list)


@cache
def exact(points: float) -> Fraction:
    """Points as an exact fraction of their decimal spelling, so that sums don't drift."""
    return Fraction(str(points))


def plain(points: Fraction) -> int | float:
    """Points as people write them: 2 or 0.25."""
    return int(points) if points.denominator == 1 else float(points)
