"""Measure which variants of the catalogue are named: `python -m tests.harness.naming [--seed N] [--whole N] [Q2 …]`.

Each variant is taken for a student's work on inputs that no test uses, and what its checks judge is looked up in the
table that a release ships, made on the same inputs. `--whole N` also grades every N-th of them as `check` does, live.
"""

import argparse
import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.checks.context import RunContext
from grader.checks.misconceptions import Candidate, Evidence, choose_misconceptions
from grader.course import manifest as manifests
from grader.course.catalogue import Misconception, Variant, copy_reference, load_catalogues, plant
from grader.course.manifest import Manifest
from grader.grading import run
from grader.grading.hints import Hints, Runner
from grader.grading.progress import Progress
from grader.sandbox.parent.zygote_pool import ZygotePool

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
        return Candidate(self.misconception.id, self.misconception.function, digests)

    @property
    def tells(self) -> bool:
        return any(found.telling for found in self.evidence.values())


def run_variants(manifest: Manifest, question: str, seed: int, zygotes: ZygotePool) -> tuple[list[Failing], dict]:
    """All variants of a question, and what its public checks judge."""
    context = RunContext(manifest, manifest.path("reference"), zygotes, keep=True, seed=seed)
    progress = Progress(run.new_record(manifest, "check", "the reference"), manifest, None)
    with contextlib.closing(context), contextlib.closing(Runner(context)) as runner:
        ran = run.run_checks(context, run.Selection([question], timing=False), progress)
        tried = {one.running.check.id: one for one in ran.tried}
        found = []
        for one in load_catalogues(manifest, [question])[0].misconceptions:
            for variant in one.variants:
                evidence = {check: runner.find(variant, tried[check]) for check in variant.costs if check in tried}
                found.append(Failing(question, one, variant, {check: e for check, e in evidence.items() if e}))
    progress.close()
    return found, {check: one.running.judged for check, one in tried.items()}


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
            yield one, f"alike: {', '.join(sorted(alike - {one.misconception.id}))}"


def _covers(one: Failing, other: Failing) -> bool:
    """Whether what fails of `one` fails in the same way of another."""
    theirs = other.candidate.digests
    return all(found.agrees(theirs.get(check, b"")) for check, found in one.evidence.items())


def grade_whole(manifest: Manifest, one: Failing, seed: int, zygotes: ZygotePool) -> set[str]:
    """The names that `check` gives a package with the variant planted."""
    folder = Path(tempfile.mkdtemp(prefix="chainrule-"))
    try:
        package = copy_reference(manifest, folder / manifest.submission.packages[0])
        plant(one.variant, package)
        selection = run.Selection([one.question], timing=False, seed=seed)
        record = run.grade_package(manifest, package, selection, zygotes=zygotes, keep=True, hints=Hints(manifest))
        return {check.misconception.id for check in record.checks if check.misconception}
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="*")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--whole", type=int, default=0)
    asked = parser.parse_args()
    manifest = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
    with contextlib.closing(ZygotePool()) as zygotes:
        for question in asked.questions or [question.id for question in manifest.questions]:
            judged = list(judge(*run_variants(manifest, question, asked.seed, zygotes)))
            counts = Counter(said.partition(":")[0] for _, said in judged)
            ideas = {one.misconception.id for one, _ in judged}
            named = {one.misconception.id for one, said in judged if said == "right"}
            print(
                f"{question}: {len(ideas)} misconceptions, {len(named)} named; {len(judged)} variants: {dict(counts)}"
            )
            for one, said in judged:
                if said != "right":
                    print(f"  {one.misconception.id} / {one.variant.id}: {said}", flush=True)
            for one, said in judged[:: asked.whole] if asked.whole else ():
                live = grade_whole(manifest, one, asked.seed, zygotes)
                expected = {one.misconception.id} if said == "right" else set()
                if live != expected:
                    print(f"  live, {one.variant.id}: {live or 'nothing'}, not {expected or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
