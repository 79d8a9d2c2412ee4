"""Name the misconceptions behind failed checks, by recorded runs of the catalogue's variants or by live ones."""

import contextlib
import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ..checks import misconceptions
from ..checks.bookkeeping import trace_answers
from ..checks.context import RunContext, derive
from ..checks.misconceptions import Candidate, Evidence, choose_misconceptions, find_evidence
from ..course.catalogue import Misconception, Variant, copy_reference, load_catalogue, plant
from ..course.manifest import Manifest
from ..errors import CourseError, OutOfTime, SandboxError, WorkerError
from ..files import write_atomically
from ..limits import HINT_FAILURES
from ..recording.cassette import UNREADABLE
from ..results.record import CheckResult, Hint, Outcome
from ..sandbox.parent.client import WorkerClient

if TYPE_CHECKING:  # pytest is imported once the zygotes have begun to come up
    from ..checks.collect import RunningCheck

FILENAME = "misconceptions.npz"
STATE = ".chainrule.json"  # beside the manifest; a submission holds modules only
COMPARISON = "expect", "bookkeeping", "misconceptions"
ENGINE = [Path(misconceptions.__file__).with_name(f"{name}.py") for name in COMPARISON]
FAULTS = CourseError, SandboxError, WorkerError, OutOfTime, OSError  # at a variant, which end no run
MADE_FROM, SOURCES = ("reference", "public", "mistakes"), (".py", ".toml")


class FailureTable(msgspec.Struct):
    """The recorded failures of all variants: what each misconception says, and which checks each variant fails how.

    `variants` are numbers of a misconception and of checks; the digests of all of them follow one another in their
    order. `sources` are digests of what it was made from.
    """

    seed: int
    sources: dict[str, str]
    checks: list[str] = []
    hints: list[Hint] = []
    functions: list[str] = []
    variants: list[tuple[int, list[int]]] = []
    digests: bytes = b""

    def add(self, one: Misconception, found: Mapping[str, Evidence]) -> None:
        """Add a variant with the evidence in each check."""
        if not self.hints or self.hints[-1].id != one.id:
            self.hints.append(Hint(id=one.id, sentence=one.sentence, section=one.section))
            self.functions.append(one.function)
        self.checks += [check for check in found if check not in self.checks]
        self.variants.append((len(self.hints) - 1, [self.checks.index(check) for check in found]))
        self.digests += b"".join(each.digests[0] for each in found.values())

    def list_candidates(self) -> list[Candidate]:
        """Return the variants, each with its digests by check."""
        size, place, found = misconceptions.DIGEST_BYTES, 0, []
        for number, checks in self.variants:
            pieces = [self.digests[start : start + size] for start in range(place, place + size * len(checks), size)]
            place += size * len(checks)
            digests = dict(zip((self.checks[check] for check in checks), pieces, strict=True))
            found.append(Candidate(self.hints[number].id, self.functions[number], digests, digests.__getitem__))
        return found


def save_table(table: FailureTable, file: Path) -> None:
    """Write a table; the same one makes the same bytes."""
    header = msgspec.json.encode(msgspec.structs.replace(table, digests=b""), order="deterministic")
    members = {"header": np.frombuffer(header, np.uint8), "digests": np.frombuffer(table.digests, np.uint8)}
    with file.open("wb") as out:
        np.savez_compressed(out, **members)  # type: ignore[arg-type]  # a flag beside the arrays, allow_pickle, is bool


def load_table(manifest: Manifest, seed: int) -> FailureTable | None:
    """Return the recorded table; None where there is none, or it is of another seed, or of what has changed since."""
    try:
        with np.load(manifest.path("public") / FILENAME, allow_pickle=False) as members:
            table = msgspec.json.decode(members["header"].tobytes(), type=FailureTable)
            table.digests = members["digests"].tobytes()
    except UNREADABLE:
        return None
    fresh = all(table.sources.get(kind) == digest for kind, digest in digest_sources(manifest).items())
    return table if fresh and table.seed == seed else None


def digest_sources(manifest: Manifest) -> dict[str, str]:
    """Return digests of the sources of a table: the engine's comparison, and the folders of the course that are here.

    In a student's copy these are the engine and the checks.
    """
    folders = {kind: manifest.path(kind) for kind in MADE_FROM}
    files = {kind: sorted(place.rglob("*.*")) for kind, place in folders.items() if place.is_dir()}
    files["engine"] = ENGINE
    found = {}
    for kind, paths in files.items():
        total = hashlib.sha256()
        for path in (path for path in paths if path.suffix in SOURCES):
            total.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))
        found[kind] = total.hexdigest()[:16]
    return found


class Runner:
    """Runs checks on the reference with a variant planted, in workers of the reference's kind, one variant at a time.

    A worker loads one variant after the other, since these are the course's own code. Close it in the end.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        self._package = Path(self._folder.name, context.manifest.submission.packages[0])
        self._planted: tuple[Variant, Path] | None = None
        self._workers: dict[tuple[str, ...], tuple[Variant, WorkerClient]] = {}

    def find(self, variant: Variant, tried: "RunningCheck") -> Evidence | None:
        """Return the evidence in a check of a variant, None where it passes or is not judged.

        Raise CourseError where the variant cannot be planted, SandboxError, WorkerError, OutOfTime and OSError.
        """
        from ..checks.collect import RAISED
        from ..checks.follow_through import renew

        self._plant(variant)
        running, context = tried.copy(), self._context
        seed = derive(running.seed, "worker")
        reference = context.get_reference_worker(running.libraries, seed)
        running.worker = self._get_worker(variant, running.libraries, seed)
        with trace_answers() as trace:
            try:
                running.body(**renew(running, reference=reference.root()))
            except (SandboxError, OutOfTime):
                raise
            except RAISED as error:
                return next(iter(find_evidence(trace, error, running.check.id, running.worker.last_call)), None)
        return None

    def _plant(self, variant: Variant) -> None:
        """Plant a variant into the one copy of the reference, in the place of the variant before."""
        if self._planted is not None and self._planted[0] == variant:
            return
        if not self._package.is_dir():
            copy_reference(self._context.manifest, self._package)
        elif self._planted is not None:
            module, self._planted = self._planted[1], None
            shutil.copyfile(self._context.manifest.path("reference") / module.relative_to(self._package), module)
        self._planted = variant, plant(variant, self._package)

    def _get_worker(self, variant: Variant, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        loaded, worker = self._workers.get(libraries, (None, None))
        if worker is None or not worker.alive:
            worker = self._context.launch_trusted(libraries, self._package, seed)
        elif loaded == variant:
            worker.reset(seed)
        else:
            worker.reload()
            self._context.start_trusted(worker, seed)
        self._workers[libraries] = variant, worker
        return worker

    def close(self) -> None:
        """End the workers and remove what was planted."""
        for _, worker in self._workers.values():
            worker.kill()
        self._folder.cleanup()


class Failures:
    """How many runs have found a function wrong, since one last found it right.

    They are kept in `file`, where one is given. Where it cannot be written, hints do not wait.
    """

    def __init__(self, counts: Mapping[str, int], file: Path | None = None) -> None:
        self.counts, self._file = Counter(counts), file

    @classmethod
    def read(cls, manifest: Manifest) -> "Failures":
        """Return those that `check` has counted in a folder of the course; none from a file that cannot be read."""
        file, counts = manifest.root / STATE, {}
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            counts = msgspec.json.decode(file.read_bytes(), type=dict[str, int])
        return cls(counts, file if manifest.report.hints == "after 3 failures" else None)

    def note(self, checks: Sequence[CheckResult]) -> None:
        """Count one more run, by its public checks."""
        for function in {name for check in checks for name in check.functions}:
            own = {check.outcome for check in checks if function in check.functions}
            if Outcome.FAILED in own:
                self.counts[function] += 1
            elif own == {Outcome.PASSED}:
                self.counts.pop(function, None)
        if self._file is not None:
            try:
                write_atomically(self._file, msgspec.json.encode(self.counts, order="sorted"))
            except OSError:
                self.counts = Counter(dict.fromkeys(self.counts, HINT_FAILURES))


class Hints:
    """Names misconceptions in the records of one course's runs; what it found out live is kept, so a class pays once.

    Without `failures` from before, hints do not wait for some. A `table` stands in for the recorded one.
    """

    def __init__(
        self, manifest: Manifest, failures: "Failures | None" = None, table: FailureTable | None = None
    ) -> None:
        self.failures, self._manifest, self._table = failures, manifest, table
        self._live: dict[tuple[int, str, str, str], bytes] = {}
        self._load = cache(partial(load_catalogue, manifest))

    def name(self, context: RunContext, tried: Sequence["RunningCheck"]) -> None:
        """Write into the checks that were tried which misconception is behind them, where one is known.

        It ends with the time of the run. Where the catalogue, the sandbox or the disk fails, nothing is named.
        """
        from ..checks.follow_through import list_evidence

        if self.failures is not None:
            self.failures.note([one.check for one in tried])
        by_check = {one.check.id: one for one in tried}
        failed = {name: list_evidence(context, one) for name, one in by_check.items() if _has_failed(one)}
        failed = {name: found for name, found in failed.items() if found}
        if self._manifest.report.hints == "never" or not any(one.telling for found in failed.values() for one in found):
            return
        passed = {name for name, one in by_check.items() if one.right_in_public}
        functions = {name: one.judged for name, one in by_check.items()}
        with contextlib.suppress(*FAULTS), contextlib.closing(Runner(context)) as runner:
            candidates, hints = self._collect(context, by_check, failed, runner)
            forward_of = {name: layer.forward for layer in self._manifest.layers for name in layer.backward}
            named = choose_misconceptions(candidates, passed, failed, functions, forward_of)
            for check, misconception in named.items():
                if self._may_show(hints[misconception][0]):
                    by_check[check].check.misconception = hints[misconception][1]

    def _collect(
        self,
        context: RunContext,
        tried: Mapping[str, "RunningCheck"],
        failed: Mapping[str, list[Evidence]],
        runner: Runner,
    ) -> tuple[list[Candidate], dict[str, tuple[str, Hint]]]:
        """Return all variants that may be behind the failures, and each misconception's function and hint."""
        table = self._table or load_table(self._manifest, context.public_seed)
        if table is not None:
            listed = zip(table.functions, table.hints, strict=True)
            return table.list_candidates(), {hint.id: (function, hint) for function, hint in listed}
        if context.recorded_answers is not None or not self._manifest.path("mistakes").is_dir():
            return [], {}
        telling = (check for check, found in failed.items() if any(one.telling for one in found))
        questions = dict.fromkeys(tried[check].check.question for check in telling)
        candidates, hints = [], {}
        for catalogue in map(self._load, questions):
            for one in catalogue.misconceptions:
                hints[one.id] = one.function, Hint(id=one.id, sentence=one.sentence, section=one.section)
                for variant in one.variants:
                    checks = [check for check in variant.costs if check in tried]
                    digest = partial(self._digest_live, runner, tried, catalogue.question, variant)
                    candidates.append(Candidate(one.id, one.function, checks, digest))
        return candidates, hints

    def _digest_live(
        self, runner: Runner, tried: Mapping[str, "RunningCheck"], question: str, variant: Variant, check: str
    ) -> bytes:
        """Return the digest of a check that a variant fails, from an earlier run where there was one."""
        key = tried[check].seed, question, variant.id, check
        if key not in self._live:
            found = runner.find(variant, tried[check])
            self._live[key] = found.digests[0] if found else b""
        return self._live[key]

    def _may_show(self, function: str) -> bool:
        """Return whether the manifest has hints shown for a function that has failed once more."""
        if self._manifest.report.hints != "after 3 failures" or self.failures is None:
            return True
        return self.failures.counts[function] >= HINT_FAILURES


def _has_failed(running: "RunningCheck") -> bool:
    return running.check.outcome is Outcome.FAILED and bool(running.evidence) and not running.right_in_public
