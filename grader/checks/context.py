"""One run: whose code is judged, with which seeds, and the workers that its checks get."""

import contextlib
import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from ..course.manifest import Manifest
from ..errors import OutOfTime, SandboxError, WorkerError
from ..limits import CHECKS_PER_WORKER, REFERENCE_CPU_SECONDS, REFERENCE_SECONDS, SPARE_WORKERS
from ..recording import cassette
from ..recording.replay import CallForwarder, MemoTransport, RecordedForwarder, ReferenceMemo, make_replay_client
from ..sandbox.parent.client import Named, Timeout, WorkerClient, launch_worker
from ..sandbox.parent.isolation import SandboxSetup
from ..sandbox.parent.proxy import Forwarder
from ..sandbox.parent.transport import Frame, InProcessTransport, Reply
from ..sandbox.parent.zygote_pool import ZygotePool
from ..sandbox.policy import WorkerLimits, cap_memory
from .bookkeeping import FunctionScores, KnownFaults, Timeouts
from .imports import Imports

SECRET_SEED_BYTES = 16  # a table in a submission can tell which seed of 32 bits made some inputs
REFERENCE_LIMITS = WorkerLimits(call_seconds=REFERENCE_SECONDS, cpu_seconds=REFERENCE_CPU_SECONDS)


@dataclass
class RunContext:
    """Everything the checks of a run share; passed, never global.

    With `in_process`, both sides answer here; breakpoints would stop in `second_looks` again. With `keep`, workers go
    from check to check, as they do wherever starting one is expensive; else each check has its own. `seed` is the
    public one, by default the manifest's. `started` is when the run's time began, `modules_in_use` are those that the
    last check's worker has loaded.
    """

    manifest: Manifest
    student: Path
    zygotes: ZygotePool
    in_process: bool = False
    official: bool = False
    keep: bool = False
    seed: int | None = None
    secret_seeds: Sequence[str] = ()
    references: dict[tuple[str, ...], WorkerClient] = field(default_factory=dict)
    spares: dict[tuple[str, ...], deque[WorkerClient]] = field(default_factory=lambda: defaultdict(deque))
    behind: dict[tuple[str, ...], WorkerClient] = field(default_factory=dict)
    foundations: dict[str, set[str]] = field(default_factory=dict)
    modules_in_use: set[str] = field(default_factory=set)
    scores: FunctionScores = field(default_factory=FunctionScores)
    faults: KnownFaults = field(init=False)
    imports: Imports = field(init=False)
    timeouts: Timeouts = field(init=False)
    setup: SandboxSetup = field(init=False)
    recorded_answers: cassette.RecordedAnswers | None = field(init=False)
    races: bool = True
    second_looks: bool = True
    compared_seconds: float = 0.0
    racing: bool = False
    started: float = field(default_factory=time.monotonic)
    memo: ReferenceMemo | None = field(init=False)
    _named: dict[Path, Named] = field(default_factory=lambda: defaultdict(dict))
    _cpu_before: float = 0.0

    def __post_init__(self) -> None:
        self.memo = None if self.in_process else self.zygotes.memo
        if self.memo is not None:
            self.foundations = self.memo.called
        answers, course = self.manifest.secret_places(), self.manifest.root
        self.recorded_answers = cassette.find_answers(self.manifest)
        self.foundations.update(self.recorded_answers.foundations() if self.recorded_answers else {})
        self.setup = SandboxSetup(self.zygotes, self.student, answers, course, self.official)
        functions = self.manifest.functions()
        parts = [name.split(".") for name in functions]
        self._modules = {".".join(words[:length]) for words in parts for length in range(1, len(words))}
        files = {name: self.student.joinpath(*name.split(".")).with_suffix(".py") for name in self._modules}
        modules = {name for name, file in files.items() if file.is_file()}  # the others are classes and packages
        self._cpu_before = self.cpu_seconds()
        self.timeouts = Timeouts(self.manifest.limits, modules, _started=self.started, _spent=self.cpu_seconds)
        self.faults = KnownFaults.read(self.student, functions, self.timeouts)
        required = {name.removesuffix(".py").replace("/", ".") for name in self.manifest.submission.required}
        names = [*self.manifest.submission.packages, self.manifest.path("reference").name]
        self._name = self.student.name if self.student.name in names else names[0]  # by which modules are imported
        self._aliases = [*self.manifest.submission.packages, self.manifest.paths.student, self._name]
        self.imports = Imports(self.student, self._aliases, self._modules | required)

    @property
    def public_seed(self) -> int:
        """Return the seed from which the public draws come."""
        return self.manifest.seeds.public if self.seed is None else self.seed

    def get_student_worker(
        self, libraries: tuple[str, ...], seed: int, modules: Iterable[str] = (), fresh: bool = False
    ) -> WorkerClient:
        """Return a worker of the judged package, `fresh` or kept. Raise OutOfTime when the run's time is over.

        The next ones are launched at once, with the modules their predecessor used, so that they come up meanwhile.
        """
        self.timeouts.require_time()
        if not self.in_process:
            self.setup.finish(libraries)
        keeps, spares = self.keeps(libraries), self.spares[libraries]
        worker = spares.popleft() if spares and not (fresh and keeps) else self._launch(libraries, modules)
        while not keeps and not self.racing and len(spares) < SPARE_WORKERS:
            spares.append(self._launch(libraries, modules))
        start = worker.reset if worker.started else worker.start
        return self._begin(worker, start, seed, self.timeouts.for_call)

    def clear_for_race(self) -> None:
        """End the workers that wait for their check, and make no more until `racing` is over.

        The package's code runs in them as they come up: it could work for a contestant, or against the other.
        """
        self.racing = True
        for spares in self.spares.values():
            while spares:
                spares.pop().kill()

    def keeps(self, libraries: tuple[str, ...]) -> bool:
        """Return whether workers go from check to check."""
        return self.keep or not self.zygotes.get(libraries).fresh_workers

    def release(self, worker: WorkerClient, libraries: tuple[str, ...]) -> None:
        """End a worker after its check, or keep it for the next one."""
        if worker.alive and self.keeps(libraries):
            worker.used = True
            self.spares[libraries].append(worker)
        else:
            worker.kill()

    def get_reference_worker(self, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        """Return the reference's worker, kept from check to check and reset for each."""
        worker = self.references.get(libraries)
        if worker is None or not worker.alive:
            launch = self.launch_reference if self.memo is None else self._remember_reference
            worker = self.references[libraries] = launch(libraries, seed)
        else:
            worker.reset(seed)
        return worker

    def launch_reference(self, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        """Return a fresh worker of the reference, or of its recorded answers. Raise SandboxError without either."""
        folder = self.manifest.path("reference").resolve()
        if self.recorded_answers is not None:
            return self.start_trusted(make_replay_client(self.recorded_answers, folder.name), seed)
        if not folder.is_dir():
            answers = self.manifest.path("public") / cassette.FILENAME
            raise SandboxError(
                f"there is no reference in {folder}, and none of its answers in {answers}, so nothing can be judged; "
                "take that file once more from what you downloaded"
            )
        return self.launch_trusted(libraries, folder, seed)

    def launch_trusted(self, libraries: tuple[str, ...], folder: Path, seed: int) -> WorkerClient:
        """Return a fresh worker of the reference's kind for a package of the instructor's."""
        return self.start_trusted(self._make(libraries, folder, folder.name, REFERENCE_LIMITS, trusted=True), seed)

    def start_trusted(self, worker: WorkerClient, seed: int) -> WorkerClient:
        """Wait until a worker of the reference's kind has loaded its package, and return it."""
        return self._begin(worker, worker.start, seed, self.timeouts.for_reference)

    def _begin(
        self, worker: WorkerClient, start: Callable[[int], None], seed: int, timeout_for: Timeout
    ) -> WorkerClient:
        """Have a worker start, or start over, with a seed; it is ended where that fails."""
        worker.timeout_for = timeout_for
        try:
            start(seed)
        except (WorkerError, OutOfTime):
            worker.kill()
            raise
        return worker

    def _remember_reference(self, libraries: tuple[str, ...], seed: int) -> WorkerClient:
        """Return a worker that answers as the reference did in earlier runs, and brings it up for what is new."""
        assert self.memo is not None  # or nothing is remembered
        folder = self.manifest.path("reference").resolve()
        transport = MemoTransport(self.memo, libraries, partial(self.launch_reference, libraries))
        worker = WorkerClient(transport, folder, folder.name, REFERENCE_LIMITS, transport.named, trusted=True)
        worker.load(libraries)
        return self.start_trusted(worker, seed)

    @contextlib.contextmanager
    def with_callbacks(
        self, libraries: tuple[str, ...], seed: int, names: set[str] | None = None
    ) -> Iterator[WorkerClient]:
        """Make a worker of the student's package in which these functions are the reference's, wherever it calls them.

        Without names, a worker of the reference itself, in which all are: its forwarder learns what it is built on.
        """
        if names is None:
            worker = self.launch_reference(libraries, seed)
            functions = self.manifest.functions().items()
            names = {name for name, question in functions if set(question.libraries) <= set(libraries)}
        else:
            worker = self.get_student_worker(libraries, seed)
        try:
            worker.replace(sorted(names))
            worker.forwarder = self._make_forwarder(libraries, seed, names)
            yield worker
        finally:
            worker.kill()

    def _make_forwarder(self, libraries: tuple[str, ...], seed: int, names: set[str]) -> Forwarder:
        """Return what answers for the reference where a student's code calls these functions."""
        if self.recorded_answers is not None:
            return RecordedForwarder(self.recorded_answers, seed, names, self.manifest.find_equivalents)
        behind = self.behind.get(libraries)
        if behind is None or not behind.alive:
            behind = self.behind[libraries] = self.launch_reference(libraries, seed)
            behind.timeout_for = self.timeouts.for_replacement
        behind.reset(seed)
        return CallForwarder(behind.root(), names)

    def cpu_seconds(self) -> float:
        """Return the CPU time of the run so far: of this process, its zygotes and their workers."""
        return time.process_time() + self.zygotes.cpu_seconds() - self._cpu_before

    def close(self) -> None:
        """End the workers that were kept; the zygotes belong to the caller."""
        for worker in [*self.references.values(), *self.behind.values(), *chain(*self.spares.values())]:
            worker.kill()
        self.setup.close()

    def _launch(self, libraries: tuple[str, ...], modules: Iterable[str]) -> WorkerClient:
        table = self.manifest.limits
        cpu_seconds = table.cpu_seconds * (CHECKS_PER_WORKER if self.keeps(libraries) else 1)
        limits = WorkerLimits(float(table.call_seconds), cpu_seconds, cap_memory(table.memory_mb))
        modules = self._modules.intersection(modules)  # what a worker calls its modules is up to the student
        place = self.student, self._name
        return self._make(libraries, *place, limits, modules, self.setup.bytecode, self._aliases)

    def _make(
        self,
        libraries: tuple[str, ...],
        folder: Path,
        name: str,
        limits: WorkerLimits,
        modules: Iterable[str] = (),
        bytecode: str = "",
        aliases: Sequence[str] = (),
        trusted: bool = False,
    ) -> WorkerClient:
        place, named = folder.resolve(), self._named[folder]
        edition = None if trusted else self.manifest.edition
        shims = edition.shims if edition else {}
        if self.in_process:  # nothing is kept from this very process

            def forward(call: Reply) -> Frame:
                assert worker.forwarder is not None  # whoever replaces functions sets it
                return worker.forwarder(*call)

            transport = InProcessTransport(name, forward)
            worker = WorkerClient(transport, place, name, limits, named, trusted)
            worker.load((), aliases=aliases, shims=shims)
        else:
            factory = self.zygotes.get(libraries)
            worker = launch_worker(factory, place, name, limits, bytecode=bytecode, named=named, trusted=trusted)
            worker.load(libraries, modules, bytecode, aliases, shims)
        worker.renamed = edition.renamed if edition else {}
        return worker


def derive(seed: int | str, *words: str, size: int = 4) -> int:
    """Return a seed of `size` bytes from a seed and some words; a secret one cannot be told from it."""
    digest = hashlib.sha256("/".join([str(seed), *words]).encode()).digest()
    return int.from_bytes(digest[:size], "little")


def make_rng(seed: int, *words: str) -> np.random.RandomState:
    """Return NumPy's generator of a seed, or of one derived from it; of more than 32 bits, its draws tell no others."""
    seed = derive(seed, *words, size=SECRET_SEED_BYTES if seed >> 32 else 4) if words else seed
    return np.random.RandomState(seed if seed < 1 << 32 else np.random.Philox(key=seed))
