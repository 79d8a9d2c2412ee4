"""Plant known mistakes into copies of the reference, judge them, list them, and show some in a demonstration."""

import contextlib
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..checks.choice import Selection
from ..course.catalogue import Catalogue, Misconception, Variant, copy_reference, load_catalogues, plant
from ..course.manifest import Manifest, to_fraction, to_number
from ..errors import CourseError, UsageError
from ..files import REPORT, ZIP, advise, claim
from ..results import terminal
from ..results.record import Outcome
from ..results.summary import count_noun
from ..results.terminal import StatusLine
from ..sandbox.parent.zygote_pool import ZygotePool
from . import run
from .forks import UNTRIED, ForkedJudge, require_passed
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
        ids = [name for _, one in known for name in (one.misconception, one.id) if name]
        remedy = advise(only, ids, "fix the id, or choose its question")
        where = ", ".join(catalogue.question for catalogue in catalogues)
        raise UsageError(f"there is no mistake {only!r} of {where}; {remedy}")
    return chosen


def try_mistakes(manifest: Manifest, questions: Sequence[str] = (), only: str = "") -> Iterator[Trial]:
    """Plant each variant of some questions, all by default, or those of an id. Raise UsageError without any.

    Raise CourseError where the reference does not pass a question's checks, before its first variant.
    """
    chosen = choose_variants(load_catalogues(manifest, questions), only)
    with contextlib.closing(ZygotePool()) as zygotes:
        for question, variants in groupby(chosen, lambda one: one[0].question):
            judge, planned = make_judge(manifest, question), [variant for _, variant in variants]
            if not all(_is_quick(variant, judge) for variant in planned):
                reference, selection = manifest.path("reference"), Selection([question])
                found = run.grade_package(manifest, reference, selection, zygotes=zygotes, keep=True)
                require_passed(UNTRIED, found.checks)
            for variant in planned:
                yield try_mistake(manifest, variant, question, zygotes, judge)


def make_judge(manifest: Manifest, question: str) -> ForkedJudge | None:
    """Return what tries variants of a question in forks; None where forking is unsafe."""
    if not sys.platform.startswith("linux"):
        return None
    return ForkedJudge(manifest, question)


def try_mistake(
    manifest: Manifest, variant: Variant, question: str, zygotes: ZygotePool, judge: ForkedJudge | None = None
) -> Trial:
    """Plant one variant and run the question's checks on it, by the judge where one is given.

    Wrong ones that the judge cannot judge, and what ends its fork, are tried as a submission is.
    """
    checks, quick = None, _is_quick(variant, judge)
    with planted(manifest, variant) as package:
        if judge is not None and quick:
            checks = judge.judge(package, "" if variant.append else variant.function)
        if checks is None:
            selection = Selection([question], timing=not quick)
            checks = run.grade_package(manifest, package, selection, zygotes=zygotes, keep=True).checks
    failed = {check.id: check.message for check in checks if check.outcome is not Outcome.PASSED}
    return Trial(variant, set(failed), failed)


def _is_quick(variant: Variant, judge: ForkedJudge | None) -> bool:
    return judge is not None and (not variant.costs or judge.can_judge(variant.function, variant.costs))


@contextlib.contextmanager
def planted(manifest: Manifest, *variants: Variant) -> Iterator[Path]:
    """Make a copy of the reference with variants in it, for as long as the context is open."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        package = copy_reference(manifest, Path(folder) / manifest.submission.packages[0])
        for variant in variants:
            plant(variant, package)
        yield package


def demonstrate(manifest: Manifest, out: Path) -> None:
    """Write a submission with mistakes and its results beside it; print both."""
    console = Console(highlight=False, markup=False)
    chosen = choose_for_demo(manifest)
    results = claim(out.with_suffix(".json"), REPORT, [claim(out, ZIP)])
    build_demo(manifest, chosen, out)
    console.print(f"{out} holds the reference with {len(chosen)} mistakes planted:")
    for variant in chosen:
        console.print(f"  {variant.function}: {variant.title}")
    console.print()
    with StatusLine() as line:
        result = grade_submission(manifest, out, results, "gradescope", line=line)
    terminal.show_record(result)


def choose_for_demo(manifest: Manifest) -> list[Variant]:
    """Return the mistakes that the manifest names for the demonstration. Raise CourseError for an unknown one."""
    known = {variant.id: variant for catalogue in load_catalogues(manifest) for variant in catalogue.variants}
    for name in manifest.demo:
        if name not in known:
            advice = advise(name, known)
            raise CourseError(f"demo: there is no mistake {name!r} in {manifest.paths.mistakes}; {advice}")
    return [known[name] for name in manifest.demo]


def build_demo(manifest: Manifest, chosen: list[Variant], out: Path) -> None:
    """Zip a copy of the reference with these mistakes."""
    with planted(manifest, *chosen) as package, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(filter(Path.is_file, package.rglob("*"))):
            archive.write(file, file.relative_to(package.parent).as_posix())


def show_trial(trial: Trial) -> None:
    """Print one line for the variant, one for each check it cost, and what differs from its list."""
    out = Console(highlight=False, soft_wrap=True)
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
    worth = {check.id: to_fraction(check.points) for check in run.collect_checks(manifest, Selection([*questions]))}
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
                remedy = advise(check, worth, "check --list lists them all")
                raise catalogue.fault(f"variant {variant.id}", f"there is no check {check!r}; {remedy}")
    sums = sorted({sum(worth[check] for check in variant.costs) for variant in one.variants})
    words = " to ".join(str(to_number(Fraction(points))) for points in dict.fromkeys((sums[0], sums[-1])))
    return f"{words} point" if words == "1" else f"{words} points"


def show_misconceptions(listed: Mapping[str, list[tuple[Misconception, str]]]) -> None:
    """Print misconceptions with their prices, below the function that they are about and their number."""
    out = terminal.make_console()
    for function, entries in listed.items():
        out.print(Text.assemble((function, "bold"), f"  ({_count([one for one, _ in entries])})"))
        for one, price in entries:
            facts = f"  ({price}, {count_noun(len(one.variants), 'variant')})"
            out.print(terminal.Indented(Text.assemble((one.id, "cyan"), facts), first=2))
            for line in filter(None, (one.sentence, one.section)):
                out.print(terminal.Indented(Text(line)))
    found = [one for entries in listed.values() for one, _ in entries]
    out.print(Text(f"\n{_count(found)}", style="bold"))


def _count(found: Sequence[Misconception]) -> str:
    """Return how many misconceptions these are, with how many variants."""
    variants = sum(len(one.variants) for one in found)
    return f"{count_noun(len(found), 'misconception')}, {count_noun(variants, 'variant')}"
