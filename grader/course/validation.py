"""Validate a manifest: find each fault of its keys, and what they name that the course's files do not have.

A manifest may be ahead of its files, so a name that is near to none of them is no fault yet.
"""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from ..files import advise, find_nearest
from ..limits import CONTROL_SECONDS
from .schema import Container, Late, Layer, Manifest, Paths, Question, Scale, Submit, to_number
from .source import Unparsable, find_definitions, list_modules, locate, read_source

RATE = re.compile(r"(\d{1,4}) per (?:(\d{1,4}) )?(minute|hour|day)s?")
YEAR_MINUTES = 366 * 24 * 60
SLIP = 0.8  # nearness of two names, of which the one that is not there is a slip for the other


def find_faults(manifest: Manifest) -> Iterator[str]:
    """Yield every fault, the first to be fixed first."""
    if not manifest.questions:
        yield "questions: none; add one"
    if manifest.edition is not None:
        yield f"edition: is a file of its own; move this table to {manifest.paths.editions}/<name>.toml"
    yield from _require_positive("limits", manifest.limits, manifest.limits.__struct_fields__)
    yield from _judge_container(manifest.container)
    yield from _judge_secrets(manifest)
    yield from _judge_late(manifest.late)
    package = manifest.path("student").name
    if package.casefold() not in (name.casefold() for name in manifest.submission.packages):
        yield f"submission.packages: {package} is not in it, the folder that students get; add it"
    limits = ("output_lines", "output_characters", "table_rows", "image_megapixels")
    yield from _require_positive("pdf", manifest.pdf, limits)
    yield from _judge_scales(manifest.scales)
    yield from _judge_budgets(manifest)
    yield from _judge_submit(manifest.submit, manifest.notebooks)
    if manifest.seeds.secret < 0:
        yield f"seeds.secret: {manifest.seeds.secret}; give 0 or more"
    yield from _judge_questions(manifest.questions)
    yield from _find_absent(manifest)
    yield from _judge_layers(manifest.layers, set(manifest.functions()))
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


def _require_positive(table: str, values: object, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        if not getattr(values, key) > 0:
            yield f"{table}.{key}: {getattr(values, key)}; give more than 0"


def _judge_questions(questions: list[Question]) -> Iterator[str]:
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


def _judge_layers(layers: list[Layer], functions: set[str]) -> Iterator[str]:
    passes = [name for layer in layers for name in layer.passes]
    own = {layer.forward for layer in layers if not layer.same_as}
    for layer in layers:
        where = f"layers {layer.forward}"
        if not layer.backward:
            yield f"{where}.backward: none; name the backward passes that take its cache"
        for name in layer.passes:
            if name not in functions:
                yield f"{where}: no question lists {name}; {advise(name, functions)}"
            if passes.count(name) > 1:
                yield f"{where}: {name} stands twice; a pass belongs to one layer"
        if layer.same_as and layer.same_as not in own:
            advice = advise(layer.same_as, own)
            yield f"{where}.same_as: {layer.same_as} is no forward pass of an entry without same_as; {advice}"


def _judge_container(container: Container) -> Iterator[str]:
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


def _judge_late(late: Late) -> Iterator[str]:
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


def _judge_secrets(manifest: Manifest) -> Iterator[str]:
    """Yield the secrets that do not lie where no student's copy has anything, and no worker can look."""
    for name in manifest.container.secrets:
        file, hidden = manifest.root / name, manifest.path("hidden")
        if ".." in file.parts or hidden not in file.parents:
            yield f"container.secrets: {name} does not lie below {manifest.paths.hidden}; put it there"


def _judge_submit(submit: Submit, notebooks: list[str]) -> Iterator[str]:
    for key, suffix in (("zip", ".zip"), ("pdf", ".pdf")):
        if not re.fullmatch(rf"[\w-]+\{suffix}", getattr(submit, key)):
            yield f"submit.{key}: {getattr(submit, key)!r}; give a file name that ends with {suffix}"
    for name in submit.left_out:
        if name not in notebooks:
            yield f"submit.left_out: there is no notebook {name!r}; {advise(name, notebooks)}"
    if not submit.large_megabytes > 0:
        yield f"submit.large_megabytes: {submit.large_megabytes}; give more than 0"


def _judge_budgets(manifest: Manifest) -> Iterator[str]:
    names = [budget.name for budget in manifest.budgets]
    for budget in manifest.budgets:
        where = f"budgets {budget.name}"
        if names.count(budget.name) > 1:
            yield f"{where}.name: stands twice; give each budget a name of its own"
        if budget.function not in manifest.functions():
            advice = advise(budget.function, manifest.functions())
            yield f"{where}.function: no question lists {budget.function!r}; {advice}"
        if not 0 < budget.cpu_seconds < manifest.limits.cpu_seconds:
            yield f"{where}.cpu_seconds: {budget.cpu_seconds}; give more than 0 and less than limits.cpu_seconds"
        if budget.file and not 0 < budget.megabytes <= manifest.submission.max_megabytes:
            yield f"{where}.megabytes: {budget.megabytes}; give more than 0 and no more than submission.max_megabytes"


def _judge_scales(scales: list[Scale]) -> Iterator[str]:
    names = [scale.name for scale in scales]
    for scale in scales:
        if names.count(scale.name) > 1:
            yield f"scales {scale.name}.name: stands twice; give each scale a name of its own"
        rising = all(a < b and p < q for (a, p), (b, q) in pairwise(scale.steps))
        if not scale.steps or not rising or not all(0 < points < math.inf for _, points in scale.steps):
            yield f"scales {scale.name}.steps: no rising steps; write pairs of a least value and points, both rising"


def _find_absent(manifest: Manifest) -> Iterator[str]:
    """Yield what is not there and has a near name; nothing in a student's copy, which is not theirs to repair."""
    yield from _judge_folders(manifest)
    if manifest.path("reference").is_dir():
        yield from _judge_required(manifest)
        yield from _judge_check_files(manifest)
        yield from _judge_functions(manifest)
        yield from _judge_notebooks(manifest)


def _judge_folders(manifest: Manifest) -> Iterator[str]:
    paths = {kind: str(getattr(manifest.paths, kind)) for kind in Paths.__struct_fields__}
    for kind, name in paths.items():
        folder = manifest.root / name
        if not folder.is_dir() and name != getattr(Paths(), kind):
            others = {place.name for place in _list_folder(folder.parent) if place.is_dir()}
            taken = {(manifest.root / other).name for other in paths.values()}
            if near := find_nearest(folder.name, others - taken, SLIP):
                yield f"paths.{kind}: there is no folder {name}; did you mean {Path(name).with_name(near).as_posix()}?"


def _judge_required(manifest: Manifest) -> Iterator[str]:
    """Yield the required files that no student could hand in."""
    packages = [manifest.path("reference"), manifest.path("student")]
    if not all(package.is_dir() for package in packages):
        return
    for name in manifest.submission.required:
        if not any((package / name).is_file() for package in packages):
            files = (file.relative_to(p).as_posix() for p in packages for file in p.rglob("*") if file.is_file())
            remedy = advise(name, files, f"fix the name, or put the file into {manifest.paths.reference}")
            folders = f"{manifest.paths.reference} nor {manifest.paths.student}"
            yield f"submission.required: neither {folders} has {name}; {remedy}"


def _judge_check_files(manifest: Manifest) -> Iterator[str]:
    """Yield the questions whose file of checks is not there, but one of nearly that name."""
    own = {question.file for question in manifest.questions}
    for question in manifest.questions:
        for kind in ("public", "hidden"):
            folder = manifest.path(kind)
            if not getattr(question, f"{kind}_points") or (folder / question.file).is_file():
                continue
            others = {file.name for file in _list_folder(folder) if file.suffix == ".py"} - own
            same_id = sorted(name for name in others if name.startswith(f"test_{question.id.lower()}_"))
            if near := next(iter(same_id), "") or find_nearest(question.file, others, SLIP):
                yield (
                    f"questions {question.id}.slug: there is no {getattr(manifest.paths, kind)}/{question.file}, but "
                    f"{near}; fix the slug or rename the file"
                )


def _judge_functions(manifest: Manifest) -> Iterator[str]:
    """Yield the functions that the reference has under nearly that name only."""
    package = manifest.path("reference")
    for name, question in manifest.functions().items():
        if name not in _list_definitions(package, name):
            known = {other for module in list_modules(package) for other in _read_definitions(package, module)}
            near = find_nearest(name, known - set(manifest.functions()), SLIP)
            if near and not name.startswith(f"{near}."):  # a function inside of a function is found by its region only
                where = f"questions {question.id}.functions"
                yield f"{where}: {manifest.paths.reference} has no {name}; did you mean {near}?"


def _list_definitions(package: Path, name: str) -> set[str]:
    """Return what the module of a function defines, as the manifest names it."""
    try:
        module, _ = locate(package, name)
    except LookupError:
        return set()
    return _read_definitions(package, module.relative_to(package))


def _read_definitions(package: Path, module: Path) -> set[str]:
    prefix = ".".join(module.with_suffix("").parts)
    try:
        return {f"{prefix}.{name}" for name in find_definitions(read_source(package / module))}
    except Unparsable:
        return set()


def _judge_notebooks(manifest: Manifest) -> Iterator[str]:
    """Yield the notebooks of which there is a source of nearly that name only."""
    folder = manifest.path("notebooks") / "source"
    sources = {file.stem for file in _list_folder(folder) if file.suffix == ".py"}
    for name in manifest.notebooks:
        near = find_nearest(name, sources - set(manifest.notebooks), SLIP)
        if near and name not in sources:
            yield f"notebooks: {manifest.paths.notebooks}/source has no {name}.py; did you mean {near}?"


def _list_folder(folder: Path) -> Iterable[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
