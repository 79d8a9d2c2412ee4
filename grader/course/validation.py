"""Validate a manifest: find each fault of its keys, and what they name that the course's files do not have.

A manifest may be ahead of its files, so a name that is near to none of them is no fault yet.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..files import advise, find_nearest
from ..limits import CONTROL_SECONDS
from .schema import Container, Late, Layer, Manifest, Paths, Question, Scale, Submit, to_number
from .source import Unparsable, find_definitions, list_modules, read_source

RATE = re.compile(r"(\d{1,4}) per (?:(\d{1,4}) )?(minute|hour|day)s?")
SLIP = 0.8  # nearness of two names, of which the one that is not there is a slip for the other


def find_faults(manifest: Manifest) -> Iterator[str]:
    """Yield every fault, the first to be fixed first."""
    if not manifest.questions:
        yield "questions: none; add one"
    if manifest.edition is not None:
        yield f"edition: is a file of its own; move this table to {manifest.paths.editions}/<name>.toml"
    yield from _judge_container(manifest.container)
    yield from _judge_secrets(manifest)
    yield from _judge_late(manifest.late)
    package = manifest.path("student").name
    if package.casefold() not in (name.casefold() for name in manifest.submission.packages):
        yield f"submission.packages: {package} is not in it, the folder that students get; add it"
    yield from _judge_scales(manifest.scales)
    yield from _judge_budgets(manifest)
    yield from _judge_submit(manifest.submit, manifest.notebooks)
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


def read_time(text: Any) -> datetime | None:
    """Return an ISO 8601 time, in UTC where it names no zone; None for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _judge_questions(questions: list[Question]) -> Iterator[str]:
    ids = [question.id for question in questions]
    seen: set[str] = set()
    for question in questions:
        where = f"questions {question.id}"
        if ids.count(question.id) > 1:
            yield f"{where}.id: stands twice; give each question an id of its own"
        if not re.fullmatch(r"[A-Za-z]\w*", question.id) or not re.fullmatch(r"\w+", question.slug):
            yield f"{where}.slug: id and slug become a file name; use letters, digits and underscores"
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
        if getattr(late, key) > 100:
            yield f"late.{key}: {getattr(late, key)}; give a percentage, 0 to 100"
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
        if not scale.steps or not rising:
            yield f"scales {scale.name}.steps: no rising steps; write pairs of a least value and points, both rising"


def _find_absent(manifest: Manifest) -> Iterator[str]:
    """Yield what is not there and has a near name; nothing in a student's copy, which is not theirs to repair."""
    paths = {kind: Path(str(getattr(manifest.paths, kind))) for kind in Paths.__struct_fields__}
    for kind, path in paths.items():
        if path.as_posix() != getattr(Paths(), kind):
            others = {other.name for other in paths.values() if other != path}
            beside = {place.name for place in (manifest.root / path).parent.glob("*/")}
            yield from _find_slips({path.name: f"paths.{kind}"}, beside - others)
    reference, source = manifest.path("reference"), manifest.path("notebooks") / "source"
    if not reference.is_dir():
        return
    yield from _judge_required(manifest)
    for kind in ("public", "hidden"):
        judged = [question for question in manifest.questions if getattr(question, f"{kind}_points")]
        files = {question.file: f"questions {question.id}.slug" for question in judged}
        yield from _find_slips(files, {file.name for file in manifest.path(kind).glob("*.py")})
    functions = {name: f"questions {question.id}.functions" for name, question in manifest.functions().items()}
    yield from _find_slips(
        functions, {name for file in list_modules(reference) for name in _list_names(reference, file)}
    )
    yield from _find_slips(dict.fromkeys(manifest.notebooks, "notebooks"), {file.stem for file in source.glob("*.py")})


def _find_slips(named: dict[str, str], there: set[str]) -> Iterator[str]:
    """Yield each name that is not there, with its key, where something that no key names has nearly this name."""
    for name, key in named.items():
        near = "" if name in there else find_nearest(name, there - named.keys(), SLIP)
        if near and not name.startswith(f"{near}."):  # a function inside of a function is found by its region only
            yield f"{key}: there is no {name}; did you mean {near}?"


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


def _list_names(package: Path, module: Path) -> list[str]:
    """Return what a module defines, as the manifest names it; nothing where it cannot be parsed."""
    try:
        return [
            ".".join([*module.with_suffix("").parts, name]) for name in find_definitions(read_source(package / module))
        ]
    except Unparsable:
        return []
