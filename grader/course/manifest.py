"""Find and read `assignment.toml`, with one sentence for each way it can be wrong."""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import msgspec

from ..errors import CourseNotFound, ManifestError
from ..files import find_nearest
from ..limits import CONTROL_SECONDS
from .decoding import decode_table, point_to
from .presence import find_absent
from .schema import Container, Late, Layer, Manifest, Question, Scale, Submission, Submit, to_fraction, to_number

__all__ = [
    "FILENAME",
    "Manifest",
    "Question",
    "Submission",
    "find_for_notebook",
    "find_manifest",
    "load_manifest",
    "to_fraction",
    "to_number",
]

RATE = re.compile(r"(\d{1,4}) per (?:(\d{1,4}) )?(minute|hour|day)s?")
FILENAME = "assignment.toml"
YEAR_MINUTES = 366 * 24 * 60


def find_manifest(start: Path) -> Path:
    """Return the nearest manifest in `start` or above it. Raise CourseNotFound where there is none."""
    for folder in [start.resolve(), *start.resolve().parents]:
        if (folder / FILENAME).is_file():
            return folder / FILENAME
    raise CourseNotFound(f"no {FILENAME} in {start} or above it; run this in the assignment's folder")


def find_for_notebook(start: Path) -> Path:
    """Return the manifest nearest to a kernel's folder, which may be any, else the one of the course around the engine.

    Raise CourseNotFound where there is neither.
    """
    try:
        return find_manifest(start)
    except CourseNotFound:
        file = Path(__file__).resolve().parents[2] / FILENAME
        if file.is_file():
            return file
        raise


def load_manifest(file: Path) -> Manifest:
    """Read and validate a manifest. Raise ManifestError with file, key and remedy."""
    try:
        source = file.read_bytes()
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    try:
        manifest = msgspec.structs.replace(decode_table(source, Manifest), root=file.parent.resolve())
    except ManifestError as error:
        raise ManifestError(f"{file}: {error}") from None
    for fault in find_faults(manifest):
        raise ManifestError(f"{file}: {point_to(fault, source.decode('utf-8-sig'))}")
    return manifest


def find_faults(manifest: Manifest) -> Iterator[str]:
    """Yield every fault, the first to be fixed first."""
    if not manifest.questions:
        yield "questions: none; add one"
    if manifest.edition is not None:
        yield f"edition: is a file of its own; move this table to {manifest.paths.editions}/<name>.toml"
    yield from _not_positive("limits", manifest.limits, manifest.limits.__struct_fields__)
    yield from _container(manifest.container)
    yield from _secrets(manifest)
    yield from _late(manifest.late)
    package = manifest.path("student").name
    if package.casefold() not in (name.casefold() for name in manifest.submission.packages):
        yield f"submission.packages: {package} is not in it, the folder that students get; add it"
    limits = ("output_lines", "output_characters", "table_rows", "image_megapixels")
    yield from _not_positive("pdf", manifest.pdf, limits)
    yield from _scales(manifest.scales)
    yield from _budgets(manifest)
    yield from _submit(manifest.submit, manifest.notebooks)
    if manifest.seeds.secret < 0:
        yield f"seeds.secret: {manifest.seeds.secret}; give 0 or more"
    yield from _questions(manifest.questions)
    yield from find_absent(manifest)
    yield from _layers(manifest.layers, set(manifest.functions()))
    for name in manifest.notebooks:
        if not re.fullmatch(r"\w+", name) or manifest.notebooks.count(name) > 1:
            yield f"notebooks: {name!r} stands twice or is no file name; use letters, digits and underscores, each once"
    total = sum((question.points for question in manifest.questions), Fraction(0))
    if total != manifest.points:
        each = ", ".join(f"{question.id} {to_number(question.points)}" for question in manifest.questions)
        yield f"points: the questions add up to {to_number(total)}, not {manifest.points} ({each}); fix one of them"


def parse_rate(text: str) -> tuple[int, timedelta]:
    """Return how many submissions in which time, as in `3 per day`. Raise ValueError for anything else."""
    found = RATE.fullmatch(text.strip())
    if not found or not int(found[1]) or (found[2] and not int(found[2])):
        raise ValueError(text)
    return int(found[1]), timedelta(**{f"{found[3]}s": int(found[2] or 1)})


def _not_positive(table: str, values: object, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        if not getattr(values, key) > 0:
            yield f"{table}.{key}: {getattr(values, key)}; give more than 0"


def _advise(name: str, known: Iterable[str]) -> str:
    near = find_nearest(name, known)
    return f"did you mean {near}?" if near else "fix the name"


def _questions(questions: list[Question]) -> Iterator[str]:
    ids = [question.id for question in questions]
    seen: set[str] = set()
    for question in questions:
        where = f"questions {question.id}"
        if ids.count(question.id) > 1:
            yield f"{where}.id: stands twice; give each question an id of its own"
        if not re.fullmatch(r"[A-Za-z]\w*", question.id) or not re.fullmatch(r"\w+", question.slug):
            yield f"{where}.slug: id and slug become a file name; use letters, digits and underscores"
        for key in ("public_points", "hidden_points"):
            if not 0 <= getattr(question, key) < math.inf:
                yield f"{where}.{key}: {getattr(question, key)}; give 0 or more"
        for name in question.functions:
            if name in seen:
                yield f"{where}.functions: {name} stands twice; remove one"
            seen.add(name)


def _layers(layers: list[Layer], functions: set[str]) -> Iterator[str]:
    passes = [name for layer in layers for name in layer.passes]
    own = {layer.forward for layer in layers if not layer.same_as}
    for layer in layers:
        where = f"layers {layer.forward}"
        if not layer.backward:
            yield f"{where}.backward: none; name the backward passes that take its cache"
        for name in layer.passes:
            if name not in functions:
                yield f"{where}: no question lists {name}; {_advise(name, functions)}"
            if passes.count(name) > 1:
                yield f"{where}: {name} stands twice; a pass belongs to one layer"
        if layer.same_as and layer.same_as not in own:
            advice = _advise(layer.same_as, own)
            yield f"{where}.same_as: {layer.same_as} is no forward pass of an entry without same_as; {advice}"


def _container(container: Container) -> Iterator[str]:
    least = 2 * CONTROL_SECONDS  # after half of the reserve a stuck grader is stopped, but no control run may be
    if not least < container.reserve < container.seconds:
        yield f"container.reserve: {container.reserve}; give more than {least:g} and less than container.seconds"
    try:
        if container.rate_limit:
            parse_rate(container.rate_limit)
    except (ValueError, OverflowError):
        yield f"container.rate_limit: {container.rate_limit!r}; write it as '3 per day' or '1 per 30 minutes'"
    if not container.pip_flags.isprintable():
        yield "container.pip_flags: holds a line break or the like; write it on one line"


def _late(late: Late) -> Iterator[str]:
    try:
        zoned = not late.due or datetime.fromisoformat(late.due).tzinfo is not None
    except ValueError:
        zoned = False
    if not zoned:
        yield f"late.due: {late.due!r}; write a time with its zone, such as '2026-03-02T23:59:00+01:00'"
    for key in ("per_day", "cap"):
        if not 0 <= getattr(late, key) <= 100:
            yield f"late.{key}: {getattr(late, key)}; give a percentage, 0 to 100"
    if not 0 <= late.grace_minutes <= YEAR_MINUTES:
        yield f"late.grace_minutes: {late.grace_minutes}; give 0 or more, and no more than a year's"
    if not late.due and late != Late():
        yield "late.due: missing; write the time from which on a submission is late, with its zone"


def _secrets(manifest: Manifest) -> Iterator[str]:
    """Yield the secrets that do not lie where no student's copy has anything, and no worker can look."""
    for name in manifest.container.secrets:
        file, hidden = manifest.root / name, manifest.path("hidden")
        if ".." in file.parts or hidden not in file.parents:
            yield f"container.secrets: {name} does not lie below {manifest.paths.hidden}; put it there"


def _submit(submit: Submit, notebooks: list[str]) -> Iterator[str]:
    for key, suffix in (("zip", ".zip"), ("pdf", ".pdf")):
        if not re.fullmatch(rf"[\w-]+\{suffix}", getattr(submit, key)):
            yield f"submit.{key}: {getattr(submit, key)!r}; give a file name that ends with {suffix}"
    for name in submit.left_out:
        if name not in notebooks:
            yield f"submit.left_out: there is no notebook {name!r}; {_advise(name, notebooks)}"
    if not submit.large_megabytes > 0:
        yield f"submit.large_megabytes: {submit.large_megabytes}; give more than 0"


def _budgets(manifest: Manifest) -> Iterator[str]:
    names = [budget.name for budget in manifest.budgets]
    for budget in manifest.budgets:
        where = f"budgets {budget.name}"
        if names.count(budget.name) > 1:
            yield f"{where}.name: stands twice; give each budget a name of its own"
        if budget.function not in manifest.functions():
            advice = _advise(budget.function, manifest.functions())
            yield f"{where}.function: no question lists {budget.function!r}; {advice}"
        if not 0 < budget.cpu_seconds < manifest.limits.cpu_seconds:
            yield f"{where}.cpu_seconds: {budget.cpu_seconds}; give more than 0 and less than limits.cpu_seconds"
        if budget.file and not 0 < budget.megabytes <= manifest.submission.max_megabytes:
            yield f"{where}.megabytes: {budget.megabytes}; give more than 0 and no more than submission.max_megabytes"


def _scales(scales: list[Scale]) -> Iterator[str]:
    names = [scale.name for scale in scales]
    for scale in scales:
        if names.count(scale.name) > 1:
            yield f"scales {scale.name}.name: stands twice; give each scale a name of its own"
        rising = all(a < b and p < q for (a, p), (b, q) in pairwise(scale.steps))
        if not scale.steps or not rising or not all(0 < points < math.inf for _, points in scale.steps):
            yield f"scales {scale.name}.steps: no rising steps; write pairs of a least value and points, both rising"
