"""Plant known mistakes into copies of the reference, judge them, list them, and show some in a demonstration."""

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..course.catalogue import Catalogue, Misconception, Variant, copy_reference, load_catalogues, plant
from ..course.manifest import Manifest, to_fraction, to_number
from ..errors import ManifestError, UsageError
from ..files import REPORT, ZIP, claim
from ..names import find_nearest
from ..results import terminal
from ..results.record import Outcome
from ..results.status_line import StatusLine
from ..results.summary import count_noun
from ..sandbox.parent.zygote_pool import ZygotePool
from . import run
from .submission import grade_submission


@dataclass
class Trial:
    """The checks that a planted variant cost, against those it should cost."""

    variant: Variant
    lost: set[str]
    messages: dict[str, str]

    @property
    def as_expected(self) -> bool:
        return self.lost == set(self.variant.costs)


def choose_variants(catalogues: Sequence[Catalogue], only: str = "") -> list[tuple[Catalogue, Variant]]:
    """Return all variants, or those of an id, their own or their misconception's. Raise UsageError without any."""
    known = [(catalogue, variant) for catalogue in catalogues for variant in catalogue.variants]
    chosen = [(catalogue, one) for catalogue, one in known if only in ("", one.id, one.misconception)]
    if only and not chosen:
        near = find_nearest(only, [name for _, one in known for name in (one.misconception, one.id) if name])
        remedy = f"did you mean {near}?" if near else "fix the id, or choose its question"
        where = ", ".join(catalogue.question for catalogue in catalogues)
        raise UsageError(f"there is no mistake {only!r} of {where}; {remedy}")
    return chosen


def try_mistakes(manifest: Manifest, questions: Sequence[str] = (), only: str = "") -> Iterator[Trial]:
    """Plant each variant of some questions, all by default, or those of an id. Raise UsageError without any."""
    chosen = choose_variants(load_catalogues(manifest, questions), only)
    with contextlib.closing(ZygotePool()) as zygotes, tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        for catalogue, variant in chosen:
            yield try_mistake(manifest, variant, catalogue.question, Path(folder), zygotes)


def try_mistake(
    manifest: Manifest, variant: Variant, question: str, folder: Path, zygotes: ZygotePool, timing: bool = True
) -> Trial:
    """Plant one variant and run the question's checks on it."""
    package = copy_reference(manifest, folder / variant.id / manifest.submission.packages[0])
    plant(variant, package)
    selection = run.Selection([question], timing=timing)
    record = run.grade_package(manifest, package, selection, zygotes=zygotes, keep=True)
    shutil.rmtree(folder / variant.id)
    failed = {check.id: check.message for check in record.checks if check.outcome is not Outcome.PASSED}
    return Trial(variant, set(failed), failed)


def demonstrate(manifest: Manifest, out: Path) -> None:
    """Write a submission with mistakes and its results beside it; print both."""
    console = Console(highlight=False)
    chosen = choose_for_demo(manifest)
    results = claim(out.with_suffix(".json"), REPORT, [claim(out, ZIP)])
    build_demo(manifest, chosen, out)
    console.print(f"{out} holds the reference with {len(chosen)} mistakes planted:")
    for variant in chosen:
        console.print(f"  {variant.function}: {variant.title}")
    console.print()
    with StatusLine() as line:
        result = grade_submission(manifest, out, results, "gradescope", line=line)
    terminal.show(result)


def choose_for_demo(manifest: Manifest) -> list[Variant]:
    """Return the mistakes that the manifest names for the demonstration. Raise ManifestError for an unknown one."""
    known = {variant.id: variant for catalogue in load_catalogues(manifest) for variant in catalogue.variants}
    for name in manifest.demo:
        if name not in known:
            near = find_nearest(name, known)
            remedy = f"did you mean {near}?" if near else "fix the name"
            raise ManifestError(f"demo: there is no mistake {name!r} in {manifest.paths.mistakes}; {remedy}")
    return [known[name] for name in manifest.demo]


def build_demo(manifest: Manifest, chosen: list[Variant], out: Path) -> None:
    """Zip a copy of the reference with these mistakes."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        package = copy_reference(manifest, Path(folder) / manifest.submission.packages[0])
        for variant in chosen:
            plant(variant, package)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(filter(Path.is_file, package.rglob("*"))):
                archive.write(file, file.relative_to(folder).as_posix())


def show_trial(trial: Trial, console: Console | None = None) -> None:
    """Print one line for the variant, one for each check it cost, and what differs from its list."""
    out = console or Console(highlight=False, soft_wrap=True)
    mark = ("as expected", "green") if trial.as_expected else ("not as expected", "red")
    out.print(Text.assemble((trial.variant.id, "bold"), "  ", mark))
    expected = set(trial.variant.costs)
    for check in sorted(trial.lost | expected):
        sign = "=" if check in trial.lost & expected else ("+" if check in trial.lost else "-")
        out.print(Text(f"  {sign} {check}: {trial.messages.get(check, 'passed although it should not')}"))


def list_misconceptions(manifest: Manifest, questions: Sequence[str] = (), only: str = "") -> None:
    """Print the catalogue by function: id, cost, sentence, section.

    Raise CourseError for a cost that is no check, UsageError for an id that is unknown or a right way's.
    """
    catalogues = load_catalogues(manifest, questions)
    chosen = {variant.misconception for _, variant in choose_variants(catalogues, only)}
    if only and chosen == {""}:
        raise UsageError(f"{only!r} is a right way, and the list holds misconceptions; leave --list out to try it")
    worth = {check.id: to_fraction(check.points) for check in run.collect_checks(manifest, run.Selection([*questions]))}
    by_function: dict[str, list[tuple[Misconception, str]]] = {name: [] for name in manifest.functions()}
    for catalogue in catalogues:
        for one in (one for one in catalogue.misconceptions if one.id in chosen):
            by_function[one.function].append((one, _price(catalogue, one, worth)))
    show_misconceptions({name: listed for name, listed in by_function.items() if listed})


def _price(catalogue: Catalogue, one: Misconception, worth: Mapping[str, Fraction]) -> str:
    """Return the points that a misconception costs, from its cheapest variant to its dearest."""
    for variant in one.variants:
        for check in variant.costs:
            if check not in worth:
                near = find_nearest(check, worth)
                remedy = f"did you mean {near}?" if near else "check --list lists them all"
                raise catalogue.fault(f"variant {variant.id}", f"there is no check {check!r}; {remedy}")
    sums = sorted({sum(worth[check] for check in variant.costs) for variant in one.variants})
    words = " to ".join(str(to_number(Fraction(points))) for points in dict.fromkeys((sums[0], sums[-1])))
    return f"{words} point{'s' * (words != '1')}"


def show_misconceptions(listed: Mapping[str, list[tuple[Misconception, str]]]) -> None:
    """Print misconceptions with their prices, below the function that they are about."""
    out = terminal.make_console()
    for function, entries in listed.items():
        out.print(Text(function, style="bold"))
        for one, price in entries:
            facts = f"  ({price}, {count_noun(len(one.variants), 'variant')})"
            out.print(terminal.Indented(Text.assemble((one.id, "cyan"), facts), first=2))
            for line in filter(None, (one.sentence, one.section)):
                out.print(terminal.Indented(Text(line)))
    found = [one for entries in listed.values() for one, _ in entries]
    variants = count_noun(sum(len(one.variants) for one in found), "variant")
    out.print(Text(f"\n{count_noun(len(found), 'misconception')}, {variants}", style="bold"))
