"""Measure which variants of the catalogue are named: `python -m tests.harness.naming [--seed N] [--whole] [Q2 …]`.

Each variant is taken for a student's work on inputs that no test uses, and what its checks judge is looked up in the
table that a release ships, made on the same inputs. `--whole` also grades each as a run does, second looks included.

`--mutants N` prints instead what N mutants that are no variants are called: each name is to be read.
"""

import argparse
import ast
import contextlib
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from grader.checks.choice import Selection
from grader.checks.context import RunContext
from grader.checks.misconceptions import Candidate, Evidence, choose_misconceptions
from grader.course import manifest as manifests
from grader.course.catalogue import Misconception, Variant, load_catalogues, plant
from grader.course.manifest import Manifest
from grader.course.source import find_span, locate
from grader.grading import run
from grader.grading.forks import ForkedJudge
from grader.grading.hints import FailureTable, Hints, Runner, load_table
from grader.grading.mistakes import planted
from grader.release.recorder import record_misconceptions
from grader.sandbox.parent.zygote_pool import ZygotePool

from .mutants.mutate import Mutant
from .mutants.survey import all_mutants, plant_mutant

SEED = 4242  # no test draws from it


@dataclass(frozen=True)
class Failing:
    """A variant with the evidence in the public checks that it fails."""

    question: str
    misconception: Misconception
    variant: Variant
    evidence: dict[str, Evidence]

    @property
    def candidate(self) -> Candidate:
        digests = {check: found.digests[0] for check, found in self.evidence.items()}
        return Candidate(self.misconception.id, self.misconception.function, digests, digests.__getitem__)

    @property
    def tells(self) -> bool:
        return any(found.telling for found in self.evidence.values())


def run_variants(manifest: Manifest, question: str, seed: int, zygotes: ZygotePool) -> tuple[list[Failing], dict]:
    """All variants of a question, and what its public checks judge."""
    context = RunContext(manifest, manifest.path("reference"), zygotes, keep=True, seed=seed)
    progress = run.Progress(run.new_record(manifest, "check", "the reference"), manifest, None)
    with contextlib.closing(context), contextlib.closing(Runner(context)) as runner:
        ran = run.run_checks(context, Selection([question], timing=False), progress)
        tried = {one.check.id: one for one in ran.tried}
        found = []
        for one in load_catalogues(manifest, [question])[0].misconceptions:
            for variant in one.variants:
                evidence = {check: runner.find(variant, tried[check]) for check in variant.costs if check in tried}
                found.append(Failing(question, one, variant, {check: e for check, e in evidence.items() if e}))
    progress.close()
    return found, {check: one.judged for check, one in tried.items()}


def judge(found: list[Failing], functions: dict) -> Iterator[tuple[Failing, str]]:
    """Each variant with `right`, `wrong: …`, or why nothing is said."""
    candidates = [one.candidate for one in found if one.tells]
    for one in found:
        failed = {check: [one.evidence[check]] for check in functions if check in one.evidence}
        named = set(choose_misconceptions(candidates, functions.keys() - failed, failed, functions).values())
        alike = {other.misconception.id for other in found if other.tells and _covers(one, other)}
        if named:
            yield one, "right" if named == {one.misconception.id} else f"wrong: {', '.join(named)}"
        elif not one.evidence:
            yield one, "no public check of values fails"
        elif not one.tells:
            yield one, "its answers are trivial"
        else:
            others = ", ".join(sorted(alike - {one.misconception.id}))
            yield one, f"alike: {others}" if others else "no check of its function tells it"


def _covers(one: Failing, other: Failing) -> bool:
    """Whether what fails of `one` fails in the same way of another."""
    theirs = other.evidence
    return all(check in theirs and found.agrees(theirs[check].digests[0]) for check, found in one.evidence.items())


def make_table(found: list[Failing], seed: int) -> FailureTable:
    """The table that a release would ship for these variants."""
    table = FailureTable(seed, {})
    for one in filter(lambda one: one.tells, found):
        table.add(one.misconception, one.evidence)
    return table


def grade_whole(manifest: Manifest, question: str, found: list[Failing], seed: int) -> Iterator[tuple[Failing, set]]:
    """The names that a graded run gives each variant, offline: planted, judged, looked at again, looked up."""
    seeds = msgspec.structs.replace(manifest.seeds, public=seed)
    manifest = msgspec.structs.replace(manifest, seeds=seeds)
    judge = ForkedJudge(manifest, question, hints=Hints(manifest, table=make_table(found, seed)))
    for one in found:
        with planted(manifest, one.variant) as package:
            checks = judge.judge(package, "" if one.variant.append else one.variant.function)
        yield one, {check.misconception.id for check in checks or [] if check.misconception}


def sample_mutants(manifest: Manifest, package: Path, count: int, seed: int) -> list[tuple[str, Mutant]]:
    """Mutants of the package that are no variants, each with its question, drawn with a seed."""
    found = []
    for catalogue in load_catalogues(manifest):
        known = {body for variant in catalogue.variants for body in _list_bodies(package, variant)}
        mutants = all_mutants(manifest, manifest.question(catalogue.question))
        found += [(catalogue.question, mutant) for mutant in mutants if known.isdisjoint(_strip(mutant.source))]
    chosen = np.random.RandomState(seed).permutation(len(found))[:count]
    return [found[place] for place in chosen]


def _list_bodies(package: Path, variant: Variant) -> Iterator[str]:
    """The functions that planting a variant changes or adds, without their docstrings."""
    if variant.append:
        return _strip(variant.append)
    module, path = locate(package, variant.function)
    text = module.read_text()
    plant(variant, package)
    start, end = find_span(module.read_text(), path)
    source = module.read_text()[start:end]
    module.write_text(text)
    return _strip(source)


def _strip(source: str) -> Iterator[str]:
    """The functions in a text, without their docstrings."""
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.FunctionDef):
            yield "\n".join([node.name, *map(ast.unparse, node.body[ast.get_docstring(node) is not None :])])


def name_mutants(manifest: Manifest, table: FailureTable, count: int, seed: int) -> None:
    """Print the mutants that get a name in a graded run of their question, and which."""
    hints, judges, seen = Hints(manifest, table=table), dict[str, ForkedJudge](), Counter()
    with planted(manifest) as package:
        for question, mutant in sample_mutants(manifest, package, count, seed):
            if question not in judges:
                judges[question] = ForkedJudge(manifest, question, hints=hints)
            with plant_mutant(package, mutant):
                checks = judges[question].judge(package, mutant.function) or []
            names = {check.misconception.id: check.misconception for check in checks if check.misconception}
            seen.update(tried=1, rejected=any(check.failed for check in checks), named=bool(names))
            for hint in names.values():
                print(f"{mutant.name}\n  {hint.id}: {hint.sentence}", flush=True)
    print(dict(seen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="*")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--mutants", type=int, metavar="N")
    asked = parser.parse_args()
    manifest = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
    with contextlib.closing(ZygotePool()) as zygotes:
        if asked.mutants:
            table = load_table(manifest, manifest.seeds.public) or record_misconceptions(manifest, zygotes)
            return name_mutants(manifest, table, asked.mutants, asked.seed)
        for question in asked.questions or [question.id for question in manifest.questions]:
            found, functions = run_variants(manifest, question, asked.seed, zygotes)
            judged = list(judge(found, functions))
            counts = Counter(said.partition(":")[0] for _, said in judged)
            ideas = {one.misconception.id for one, _ in judged}
            named = {one.misconception.id for one, said in judged if said == "right"}
            print(
                f"{question}: {len(ideas)} misconceptions, {len(named)} named; {len(judged)} variants: {dict(counts)}"
            )
            for one, said in judged:
                if said != "right":
                    print(f"  {one.misconception.id} / {one.variant.id}: {said}", flush=True)
            right = {one.variant.id for one, said in judged if said == "right"}
            for one, names in grade_whole(manifest, question, found, asked.seed) if asked.whole else ():
                if names != ({one.misconception.id} if one.variant.id in right else set()):
                    print(f"  in a graded run, {one.variant.id}: {names or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
