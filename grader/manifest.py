"""The assignment as data: what `assignment.toml` may hold, and one sentence for each way it can be wrong."""

import math
import re
from datetime import timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

FILENAME = "assignment.toml"
RATE = re.compile(r"(\d{1,4}) per (?:(\d{1,4}) )?(minute|hour|day)s?")


class ManifestError(Exception):
    """The manifest is wrong; the text says where and what to do."""


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    pass


class Paths(_Table):
    """Where things lie, relative to the manifest's folder."""

    student: str = "student"
    reference: str = "reference"
    public: str = "tests/public"
    hidden: str = "tests/hidden"
    mistakes: str = "tests/harness/mistakes"
    notebooks: str = "notebooks"


class Question(_Table):
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


class Submission(_Table):
    """What a hand-in must hold, the names its folder may have, and how large it may be."""

    packages: list[str] = msgspec.field(default_factory=lambda: ["student"])
    required: list[str] = msgspec.field(default_factory=list)
    max_files: int = 500
    max_megabytes: int = 100
    max_ratio: int = 200


class Handin(_Table):
    """What `submit` makes: the names of the zip and of the PDF, the notebooks left out, the size of a large file."""

    zip: str = "code_submission.zip"
    pdf: str = "inline_submission.pdf"
    left_out: list[str] = msgspec.field(default_factory=list)
    large_megabytes: int | float = 10


class Release(_Table):
    """What students get: where Colab finds the notebooks, and lines of solutions that are no secret."""

    colab: str = ""
    known_lines: list[str] = msgspec.field(default_factory=list)


class LimitsTable(_Table):
    """Seconds of wall clock per call and per run, seconds of CPU per check, megabytes per worker."""

    call_seconds: int | float = 10
    run_seconds: int | float = 600
    cpu_seconds: int = 30
    memory_mb: int = 2048


class Seeds(_Table):
    """The seed of the public checks, and how many secret ones a graded run adds."""

    public: int = 231
    secret: int = 2


class Scale(_Table):
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


class Report(_Table):
    """What students see of public and of hidden checks on Gradescope."""

    public_visibility: Literal["hidden", "after_due_date", "after_published", "visible"] = "visible"
    hidden_visibility: Literal["hidden", "after_due_date", "after_published", "visible"] = "after_published"


class Container(_Table):
    """Gradescope's container: its time limit, where the run ends before it, what is installed, how often to submit."""

    seconds: int = 600
    reserve: int = 60
    packages: list[str] = msgspec.field(default_factory=list)
    pip_flags: str = ""
    rate_limit: str = ""


class Pdf(_Table):
    """Notebooks as PDF: what of one output is shown, the paper, where names stand and missing images may lie."""

    output_lines: int = 400
    output_characters: int = 60_000
    table_rows: int = 100
    image_megapixels: int | float = 40
    paper: Literal["a4", "us-letter"] = "a4"
    question_pages: bool = False
    names_file: str = "names.txt"
    assets: list[str] = msgspec.field(default_factory=list)


class Manifest(_Table):
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
    demo: list[str] = msgspec.field(default_factory=list)
    notebooks: list[str] = msgspec.field(default_factory=list)
    root: Path = Path()

    def path(self, kind: str) -> Path:
        """The folder of one kind of thing, as in `[paths]`."""
        return self.root / getattr(self.paths, kind)

    def collected(self) -> dict[str, Path]:
        """The notebooks that are handed in, by name."""
        names = [name for name in self.notebooks if name not in self.handin.left_out]
        return {name: self.path("notebooks") / f"{name}.ipynb" for name in names}

    def question(self, name: str) -> Question:
        """The question of that id, whatever its case; raises ManifestError naming the ids there are."""
        for question in self.questions:
            if question.id.lower() == name.lower():
                return question
        raise ManifestError(f"there is no question {name!r}; choose from {', '.join(q.id for q in self.questions)}")

    def scale(self, name: str) -> Scale:
        """The scale of that name; raises ManifestError naming those there are."""
        for scale in self.scales:
            if scale.name == name:
                return scale
        raise ManifestError(
            f"there is no scale {name!r}; choose from {', '.join(s.name for s in self.scales) or 'none'}"
        )

    def functions(self) -> dict[str, Question]:
        """Every function of the assignment with its question."""
        return {name: question for question in self.questions for name in question.functions}


@cache
def exact(points: float) -> Fraction:
    """Points as an exact fraction of their decimal spelling, so that sums don't drift."""
    return Fraction(str(points))


def plain(points: Fraction) -> int | float:
    """Points as people write them: 2 or 0.25."""
    return int(points) if points.denominator == 1 else float(points)


def find(start: Path) -> Path:
    """The nearest manifest in `start` or above it, else the one beside the engine; raises ManifestError."""
    beside_engine = Path(__file__).resolve().parents[1]
    for folder in [start.resolve(), *start.resolve().parents, beside_engine]:
        if (folder / FILENAME).is_file():
            return folder / FILENAME
    raise ManifestError(f"no {FILENAME} in {start} or above it; run this in the assignment's folder")


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
    for problem in _problems(manifest):
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


def rate(text: str) -> tuple[int, timedelta]:
    """How many submissions in which time: `3 per day`, `1 per 30 minutes`; raises ValueError for anything else."""
    found = RATE.fullmatch(text.strip())
    if not found or not int(found[1]) or (found[2] and not int(found[2])):
        raise ValueError(text)
    return int(found[1]), timedelta(**{f"{found[3]}s": int(found[2] or 1)})


def _container_problems(container: Container):
    if not 0 < container.reserve < container.seconds:
        yield f"container.reserve: {container.reserve}; give more than 0 and less than container.seconds"
    try:
        if container.rate_limit:
            rate(container.rate_limit)
    except (ValueError, OverflowError):
        yield f"container.rate_limit: {container.rate_limit!r}; write it as '3 per day' or '1 per 30 minutes'"
    if not container.pip_flags.isprintable():
        yield "container.pip_flags: holds a line break or the like; write it on one line"


def _handin_problems(handin: Handin, notebooks: list[str]):
    for key, suffix in (("zip", ".zip"), ("pdf", ".pdf")):
        if not re.fullmatch(rf"[\w-]+\{suffix}", getattr(handin, key)):
            yield f"handin.{key}: {getattr(handin, key)!r}; give a file name that ends with {suffix}"
    for name in handin.left_out:
        if name not in notebooks:
            yield f"handin.left_out: there is no notebook {name!r}; mend the name"
    if not handin.large_megabytes > 0:
        yield f"handin.large_megabytes: {handin.large_megabytes}; give more than 0"


def _scale_problems(scales: list[Scale]):
    names = [scale.name for scale in scales]
    for scale in scales:
        if names.count(scale.name) > 1:
            yield f"scales {scale.name}.name: stands twice; give each scale a name of its own"
        rising = all(a < b and p < q for (a, p), (b, q) in pairwise(scale.steps))
        if not scale.steps or not rising or not all(0 < points < math.inf for _, points in scale.steps):
            yield f"scales {scale.name}.steps: write pairs of a least value and points, both rising"


def _problems(manifest: Manifest):
    ids = [question.id for question in manifest.questions]
    if not ids:
        yield "questions: none; add one"
    limits = manifest.limits
    for key in ("call_seconds", "run_seconds", "cpu_seconds", "memory_mb"):
        if not getattr(limits, key) > 0:
            yield f"limits.{key}: {getattr(limits, key)}; give more than 0"
    yield from _container_problems(manifest.container)
    for key in ("output_lines", "output_characters", "table_rows", "image_megapixels"):
        if not getattr(manifest.pdf, key) > 0:
            yield f"pdf.{key}: {getattr(manifest.pdf, key)}; give more than 0"
    yield from _scale_problems(manifest.scales)
    yield from _handin_problems(manifest.handin, manifest.notebooks)
    if manifest.seeds.secret < 0:
        yield f"seeds.secret: {manifest.seeds.secret}; give 0 or more"
    for question in manifest.questions:
        where = f"questions {question.id}"
        if ids.count(question.id) > 1:
            yield f"{where}.id: stands twice; give each question an id of its own"
        if not re.fullmatch(r"[A-Za-z]\w*", question.id) or not re.fullmatch(r"\w+", question.slug):
            yield f"{where}.slug: id and slug become a file name; use letters, digits and underscores"
        if not (0 <= question.public_points < math.inf and 0 <= question.hidden_points < math.inf):
            yield f"{where}.points: negative or not a number; give 0 or more"
    for name in manifest.notebooks:
        if not re.fullmatch(r"\w+", name) or manifest.notebooks.count(name) > 1:
            yield f"notebooks: {name!r} stands twice or is no file name; use letters, digits and underscores, each once"
    seen: set[str] = set()
    for question in manifest.questions:
        for name in question.functions:
            if name in seen:
                yield f"questions {question.id}.functions: {name} stands twice; remove one"
            seen.add(name)
    total = sum((question.points for question in manifest.questions), Fraction(0))
    if total != manifest.points:
        yield f"points: the questions add up to {plain(total)}, not {manifest.points}; mend one of them"
