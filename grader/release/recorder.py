"""Record the reference's answers to the public checks, for students, who don't have the reference."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from ..checks import own_forward
from ..checks.choice import Selection
from ..checks.collect import RAISED, RunningCheck
from ..checks.context import RunContext, derive
from ..checks.follow_through import renew, run_replaced
from ..checks.plugin import ChecksPlugin
from ..course.catalogue import load_catalogues
from ..course.manifest import Manifest
from ..errors import NotScored, Unrecorded
from ..grading import run
from ..grading.forks import require_passed
from ..grading.hints import FailureTable, Runner, digest_sources
from ..limits import RECORDING_SECONDS
from ..recording.cassette import (
    AnswersHeader,
    Array,
    Cassette,
    Entry,
    RecordedAnswers,
    digest_file,
    fingerprint_request,
    save_answers,
)
from ..recording.replay import make_replay_client
from ..results.terminal import SILENT, StatusLine
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.transport import Frame, Reply
from ..sandbox.parent.zygote_pool import ZygotePool
from ..sandbox.wire import unpack_frame

NOT_THERE = "checks-that-are-not-recorded"
NOT_RECORDED = ("load", "seed", "reset", "replace")
PERTURBATION = 1e-3


def record(
    manifest: Manifest, out: Path, zygotes: ZygotePool, questions: Sequence[str] = (), line: StatusLine = SILENT
) -> None:
    """Write the file of recorded answers to `out`, of all questions by default.

    Every public check has to pass with the reference, live and again with the recorded answers. Raise CourseError
    naming the first that does not. A check whose questions to the reference depend on the judged answers is marked as
    such (`Cassette.varies`): where they differ from the reference's, students see that it is not scored.
    """
    public = _leave_public(manifest)
    context = RecordingContext(public, public.require_reference(), zygotes, races=False)
    with contextlib.closing(context):
        _run_passing(context, Selection(list(questions)), RecordingPlugin, line)
    save_answers(context.gather_answers(), out)


def _leave_public(manifest: Manifest) -> Manifest:
    """Return the manifest of a course without hidden checks, whose runs may take long."""
    paths = msgspec.structs.replace(manifest.paths, hidden=NOT_THERE)
    limits = msgspec.structs.replace(manifest.limits, run_seconds=RECORDING_SECONDS, wall_seconds=RECORDING_SECONDS)
    return msgspec.structs.replace(manifest, paths=paths, limits=limits)


def record_misconceptions(manifest: Manifest, zygotes: ZygotePool) -> FailureTable:
    """Return how each variant of the catalogue fails the public checks.

    One that tells nothing, or fails as another of its misconception does, is left out.

    Raise CourseError where the reference does not pass, and for a fault of the catalogue.
    """
    public = _leave_public(manifest)
    context = RunContext(public, public.require_reference(), zygotes, races=False, keep=True)
    table, seen = FailureTable(context.public_seed, digest_sources(manifest)), set()
    with contextlib.closing(context):
        tried = {one.check.id: one for one in _run_passing(context, Selection(timing=False)).tried}
        with contextlib.closing(Runner(context)) as runner:
            for misconception in (one for catalogue in load_catalogues(manifest) for one in catalogue.misconceptions):
                for variant in misconception.variants:
                    found = {check: runner.find(variant, tried[check]) for check in variant.costs if check in tried}
                    evidence = {check: one for check, one in found.items() if one}
                    alike = misconception.id, *((check, one.digests) for check, one in sorted(evidence.items()))
                    if alike not in seen and any(one.telling for one in evidence.values()):
                        table.add(misconception, evidence)
                    seen.add(alike)
    return table


def _run_passing(
    context: RunContext,
    selection: Selection,
    make: Callable[..., ChecksPlugin] = ChecksPlugin,
    line: StatusLine = SILENT,
) -> ChecksPlugin:
    """Run checks, and return what ran them. Raise CourseError naming the first that does not pass."""
    found = run.new_record(context.manifest, "record", "the reference")
    checks = run.run_checks(context, selection, run.Progress(found, context.manifest, None, line.count), make)
    require_passed("nothing is recorded", found.checks)
    return checks


@dataclass
class Draft:
    """A cassette in the making, with arrays of its own."""

    cassette: Cassette
    arrays: list[Array] = field(default_factory=list)
    _call: Reply | None = None

    def note_request(self, frame: Frame, reply: Reply) -> Reply:
        """Note a request and its reply."""
        asked = unpack_frame(frame)
        if asked[0]["op"] not in NOT_RECORDED:
            self.cassette.entries.append(self._entry(asked, reply))
        return reply

    def note_call(self, frame: Frame, reply: Reply) -> Reply:
        """Note the call of a callback once it is answered, by the frame after it."""
        asked = unpack_frame(frame)
        if self._call is not None and "ok" in asked[0]:
            self.cassette.calls.append(self._entry(self._call, asked))
        self._call = reply if "callback" in reply[0] else None
        return reply

    def _entry(self, asked: Reply, answered: Reply) -> Entry:
        """Return the entry of a request and its reply; an error is without its lines of code."""
        (reply, arrays), first = answered, len(self.arrays)
        if "error" in reply:
            reply = {"error": reply["error"] | {"frames": []}}
        self.arrays += [array.copy() for array in arrays]  # the check may change its own
        return Entry(fingerprint_request(*asked), reply, list(range(first, len(self.arrays))))


def _perturb_reply(frame: Frame, reply: Reply) -> Reply:
    """Make an answer a little wrong, to see which questions to the reference depend on it."""
    message, arrays = reply
    return message, [_perturb(array) for array in arrays]


def _perturb(array: Array) -> Array:
    if array.dtype.kind != "f":
        return array
    factors = 1 + PERTURBATION * np.random.RandomState(array.size).uniform(0.5, 1, array.shape)
    return (array * factors).astype(array.dtype)


class RecordingContext(RunContext):
    """A run that notes what the reference is asked and answers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.drafts: dict[str, Draft] = {}
        self.draft = Draft(Cassette(0))

    def get_reference_worker(self, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        """Return the reference's worker at the start of a new draft."""
        worker = super().get_reference_worker(libraries, seed)
        self.draft = Draft(Cassette(seed))
        worker.tap = self.draft.note_request
        return worker

    @contextlib.contextmanager
    def with_callbacks(
        self, libraries: tuple[str, ...], seed: int, names: set[str] | None = None
    ) -> Iterator[WorkerClient]:
        """Return a worker with callbacks, whose calls are noted in the draft."""
        with super().with_callbacks(libraries, seed, names) as worker:
            worker.tap = self.draft.note_call
            yield worker

    def gather_answers(self) -> RecordedAnswers:
        """Return all cassettes, with their arrays in one list; what several hold stands in it only once."""
        places: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        arrays: list[Array] = []
        for draft in self.drafts.values():
            keys = [(array.dtype.str, array.shape, array.tobytes()) for array in draft.arrays]
            for key, array in zip(keys, draft.arrays, strict=True):
                if places.setdefault(key, len(arrays)) == len(arrays):
                    arrays.append(array)
            for entry in [*draft.cassette.entries, *draft.cassette.calls]:
                entry.arrays = [places[keys[number]] for number in entry.arrays]
        return self._make_answers({name: draft.cassette for name, draft in self.drafts.items()}, arrays)

    def replay(self, draft: Draft) -> WorkerClient:
        """Return the reference as students will have it, for one check."""
        worker = make_replay_client(self._make_answers({"": draft.cassette}, draft.arrays), "replay")
        worker.start(draft.cassette.seed)
        return worker

    def _make_answers(self, cassettes: dict[str, Cassette], arrays: list[Array]) -> RecordedAnswers:
        files = [self.manifest.path("public") / question.file for question in self.manifest.questions]
        digests = {file.name: digest_file(file) for file in files if file.is_file()}
        names = dict(self._named[self.manifest.path("reference").resolve()])
        return RecordedAnswers(AnswersHeader(self.public_seed, digests, names, cassettes), arrays)


class RecordingPlugin(ChecksPlugin):
    """Runs each check with the reference in the student's place, and once more with what was recorded of it."""

    context: RecordingContext

    def run(self, running: RunningCheck) -> None:
        """Record a check that passes; what it raises otherwise is judged as in any run."""
        running.body(**running.arguments)
        if "reference" not in running.arguments:
            return
        draft = self.context.draft
        if "student" in running.arguments and not running.timing:
            rerun = run_replaced(self.context, running, None)  # with the reference's calls to other functions
            draft = draft if rerun.error else self.context.draft  # tensors cannot go through a callback
        self._replay(running, draft)
        self.context.drafts[running.check.id] = draft

    def _replay(self, running: RunningCheck, draft: Draft) -> None:
        """Raise what a check raises with the recorded answers; find out whether it asks what the student answered."""
        seed, replayed = derive(running.seed, "worker"), self.context.replay(draft)
        worker, forward = running.worker, own_forward.find_forward(self.context, running)
        if worker is not None:
            worker.reset(seed)
            worker.answered = []
        running.body(**renew(running, reference=replayed.root()))
        if worker is not None and forward and not running.timing:
            answered = worker.answered or []
            draft.cassette.traits = own_forward.find_traits_of(worker.root(), answered, forward, running)
        if "student" in running.arguments:
            replayed.reset(seed)
            draft.cassette.varies = self._varies(running, replayed)

    def _varies(self, running: RunningCheck, replayed: WorkerClient) -> bool:
        """Return whether a student whose answers are a little wrong has the reference asked what is not recorded."""
        perturbed = self.context.launch_reference(running.libraries, derive(running.seed, "worker"))
        perturbed.tap = _perturb_reply
        try:
            running.body(**renew(running, reference=replayed.root(), student=perturbed.root()))
        except RAISED as error:  # of others than these it says that the answers are wrong
            return isinstance(error, Unrecorded | NotScored)
        finally:
            perturbed.kill()
        return False
