"""Records the reference's answers to the public checks, for students, who don't have the reference."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from ..checks import own_forward
from ..checks.collect import STATE, State
from ..checks.context import Grading, ZygotePool, derive
from ..checks.follow_through import run_replaced
from ..checks.plugin import ChecksPlugin
from ..checks.second_look import afresh, arguments_of
from ..course.manifest import Manifest
from ..errors import CourseError, NotScored, RecordingError, Unrecorded
from ..grading import run
from ..grading.progress import Progress
from ..outputs import ZIP, claim
from ..results.outcome import Outcome
from ..results.record import Check
from ..sandbox.parent.client import WorkerClient
from ..sandbox.policy import Limits
from .recorder import PerturbedTransport, Recorder, RecordingTransport
from .replay import NOTHING, ReplayTransport
from .tape import VERSION, Header, Recording, Tape, digest, save

NOT_THERE = "checks-that-are-not-recorded"
RUN_SECONDS = 3600  # each check runs four times


def record(
    manifest: Manifest, out: Path, zygotes: ZygotePool | None = None, questions: Sequence[str] = ()
) -> Recording:
    """Writes the file of recorded answers to `out`, of all questions by default, and returns what it holds.

    Every public check has to pass with the reference, live and again with the recorded answers; raises RecordingError
    naming the first that does not. A check whose questions to the reference depend on the judged answers is marked as
    such (`Tape.varies`): where they differ from the reference's, students see that it is not scored.
    """
    public = msgspec.structs.replace(
        manifest,
        paths=msgspec.structs.replace(manifest.paths, hidden=NOT_THERE),
        limits=msgspec.structs.replace(manifest.limits, run_seconds=RUN_SECONDS),
    )
    claim(out, ZIP)  # an .npz file is one
    if not public.path("reference").is_dir():
        raise CourseError(f"{public.path('reference')} is not there, and nothing else can answer; only staff has it")
    grading = RecordingGrading(public, public.path("reference"), zygotes or ZygotePool(), races=False)
    progress = Progress(run.new_record(public, "record", "the reference"), public, None)
    try:
        run.run_checks(grading, run.Selection(list(questions)), progress, RecordingPlugin)
    finally:
        progress.close()
        grading.close()
        if zygotes is None:
            grading.zygotes.close()
    _refuse(progress.record.checks)
    recording = grading.recorded(public.seeds.public)
    save(recording, out)
    return recording


def _refuse(checks: list[Check]) -> None:
    for check in checks:
        if check.outcome is not Outcome.PASSED:
            raise RecordingError(
                f"nothing is recorded, since {check.id} does not pass with the reference ({check.outcome}: "
                f"{check.message or check.detail}); mend one of them first"
            )


class RecordingGrading(Grading):
    """A run whose reference has a recorder beside it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tapes: dict[str, tuple[Tape, list[np.ndarray]]] = {}
        self.recorder = Recorder(0)

    def reference_worker(self, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        """The reference's worker at the start of a new tape."""
        worker = super().reference_worker(libraries, seed)
        self.recorder = Recorder(seed)
        plain = worker.transport.inner if isinstance(worker.transport, RecordingTransport) else worker.transport
        worker.transport = RecordingTransport(plain, self.recorder)
        return worker

    @contextlib.contextmanager
    def with_stubs(
        self, libraries: tuple[str, ...], seed: int, names: set[str] | None = None
    ) -> Iterator[WorkerClient]:
        """A stubbed worker whose calls are on the tape."""
        with super().with_stubs(libraries, seed, names) as worker:
            worker.transport = RecordingTransport(worker.transport, self.recorder, calls_only=True)
            yield worker

    def perturbed_twin(self, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        """The reference as one whose answers are a little wrong."""
        worker = self.reference_twin(libraries, seed)
        worker.transport = PerturbedTransport(worker.transport)
        return worker

    def replayed(self, libraries: tuple[str, ...], tape: Tape, arrays: list[np.ndarray]) -> WorkerClient:
        """The reference as students will have it."""
        recording = Recording(Header(VERSION, 0, {}, self._names, {"": tape}, []), arrays)
        replay = ReplayTransport(recording, lambda seed: self.worker_of_nothing(libraries, seed))
        worker = WorkerClient(replay, NOTHING, "replay", Limits(), dict(self._names), trusted=True)
        worker.load(libraries)
        worker.start(tape.seed)
        return worker

    @property
    def _names(self) -> dict[str, tuple[str, bool]]:
        return self._named[self.manifest.path("reference").resolve()]

    def recorded(self, seed: int) -> Recording:
        """All tapes, their arrays in one list."""
        folder = self.manifest.path("public")
        files = {
            file.name: digest(file) for file in (folder / q.file for q in self.manifest.questions) if file.is_file()
        }
        arrays: list[np.ndarray] = []
        for tape, own in self.tapes.values():
            for part in [*tape.entries, *tape.calls]:
                part.arrays = [number + len(arrays) for number in part.arrays]
            arrays += own
        tapes = {name: tape for name, (tape, _) in self.tapes.items()}
        return Recording(Header(VERSION, seed, files, dict(self._names), tapes, []), arrays)


class RecordingPlugin(ChecksPlugin):
    """Runs each check with the reference in the student's place, and once more with what was recorded of it."""

    grading: RecordingGrading

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timing = True  # races are left out, so it matters not whether this machine can hold them

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Records a check that passes; what it raises otherwise is judged as in any run."""
        state = pyfuncitem.stash.get(STATE, None)
        if state is None:
            return None
        arguments = arguments_of(pyfuncitem)
        pyfuncitem.obj(**arguments)
        if "reference" in arguments:
            recorder = self._with_calls(pyfuncitem, state, arguments, self.grading.recorder)
            self._replay(pyfuncitem, state, arguments, recorder)
            self.grading.tapes[state.check.id] = recorder.tape, recorder.arrays
        return True

    def _with_calls(
        self, item: pytest.Function, state: State, arguments: dict[str, Any], recorder: Recorder
    ) -> Recorder:
        """The recorder of another run that has the reference's calls to other functions too, where they can be had."""
        if "student" not in arguments or state.timing:
            return recorder
        rerun = run_replaced(self.grading, item, state, None)
        return recorder if rerun.error else self.grading.recorder  # tensors cannot go through a callback stub

    def _replay(self, item: pytest.Function, state: State, arguments: dict[str, Any], recorder: Recorder) -> None:
        """Raises what a check raises with the recorded answers; finds out whether it asks what the student answered."""
        seed = derive(state.seed, "worker")
        replayed = self.grading.replayed(state.libraries, recorder.tape, recorder.arrays)
        try:
            if state.worker is not None:
                state.worker.reset(seed)
                state.worker.answered = []
            item.obj(**afresh(arguments, state, reference=replayed.root()))
            recorder.tape.traits = self._traits(state)
            if "student" in arguments:
                replayed.reset(seed)
                recorder.tape.varies = self._varies(item, state, arguments, replayed)
        finally:
            replayed.kill()

    def _traits(self, state: State) -> list[list[str]]:
        forward = own_forward.forward_of(self.grading, state)
        if not forward or state.worker is None or state.timing:
            return []
        return own_forward.traits_of(state.worker.root(), state.worker.answered, forward, state)

    def _varies(self, item: pytest.Function, state: State, arguments: dict[str, Any], replayed: WorkerClient) -> bool:
        perturbed = self.grading.perturbed_twin(state.libraries, derive(state.seed, "worker"))
        try:
            item.obj(**afresh(arguments, state, reference=replayed.root(), student=perturbed.root()))
        except (Unrecorded, NotScored):
            return True
        except Exception:  # the answers are wrong
            return False
        finally:
            perturbed.kill()
        return False
