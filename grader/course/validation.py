"""Find the faults of a manifest whose keys and types are right, each a sentence: where, what, and what to do."""

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from ..limits import CONTROL_SECONDS
from .schema import Container, Layer, Manifest, Question, Scale, Submit, to_number

RATE = re.compile(r"(\d{1,4}) per (?:(\d{1,4}) )?(minute|hour|day)s?")


def find_faults(manifest: Manifest) -> Iterator[str]:
    """Yield every fault, the first to be fixed first."""
    if not manifest.questions:
        yield "questions: none; add one"
    yield from _not_positive("limits", manifest.limits, ("call_seconds", "run_seconds", "cpu_seconds", "memory_mb"))
    yield from _container(manifest.container)
    yield from _secrets(manifest)
    limits = ("output_lines", "output_characters", "table_rows", "image_megapixels")
    yield from _not_positive("pdf", manifest.pdf, limits)
    yield from _scales(manifest.scales)
    yield from _budgets(manifest)
    yield from _submit(manifest.submit, manifest.notebooks)
    if manifest.seeds.secret < 0:
        yield f"seeds.secret: {manifest.seeds.secret}; give 0 or more"
    yield from _questions(manifest.questions)
    yield from _layers(manifest.layers, set(manifest.functions()))
    for name in manifest.notebooks:
        if not re.fullmatch(r"\w+", name) or manifest.notebooks.count(name) > 1:
            yield f"notebooks: {name!r} stands twice or is no file name; use letters, digits and underscores, each once"
    total = sum((question.points for question in manifest.questions), Fraction(0))
    if total != manifest.points:
        yield f"points: the questions add up to {to_number(total)}, not {manifest.points}; mend one of them"


def parse_rate(text: str) -> tuple[int, timedelta]:
    """Return how many submissions in which time, as in `3 per day`; raise ValueError for anything else."""
    found = RATE.fullmatch(text.strip())
    if not found or not int(found[1]) or (found[2] and not int(found[2])):
        raise ValueError(text)
    return int(found[1]), timedelta(**{f"{found[3]}s": int(found[2] or 1)})


def _not_positive(table: str, values: object, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        if not getattr(values, key) > 0:
            yield f"{table}.{key}: {getattr(values, key)}; give more than 0"


def _questions(questions: list[Question]) -> Iterator[str]:
    ids = [question.id for question in questions]
    seen: set[str] = set()
    for question in questions:
        where = f"questions {question.id}"
        if ids.count(question.id) > 1:
            yield f"{where}.id: stands twice; give each question an id of its own"
        if not re.fullmatch(r"[A-Za-z]\w*", question.id) or not re.fullmatch(r"\w+", question.slug):
            yield f"{where}.slug: id and slug become a file name; use letters, digits and underscores"
        if not (0 <= question.public_points < math.inf and 0 <= question.hidden_points < math.inf):
            yield f"{where}.points: negative or not a number; give 0 or more"
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
                yield f"{where}: no question lists {name}; mend one of them"
            if passes.count(name) > 1:
                yield f"{where}: {name} stands twice; a pass belongs to one layer"
        if layer.same_as and layer.same_as not in own:
            yield f"{where}.same_as: {layer.same_as} is no forward pass of an entry without same_as; mend the name"


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
            yield f"submit.left_out: there is no notebook {name!r}; mend the name"
    if not submit.large_megabytes > 0:
        yield f"submit.large_megabytes: {submit.large_megabytes}; give more than 0"


def _budgets(manifest: Manifest) -> Iterator[str]:
    names = [budget.name for budget in manifest.budgets]
    for budget in manifest.budgets:
        where = f"budgets {budget.name}"
        if names.count(budget.name) > 1:
            yield f"{where}.name: stands twice; give each budget a name of its own"
        if budget.function not in manifest.functions():
            yield f"{where}.function: no question lists {budget.function!r}; mend the name"
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
            yield f"scales {scale.name}.steps: write pairs of a least value and points, both rising"
