"""The parent's side of one worker: what is asked of it, under which deadline, and what became of it."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import Ending, OutOfTime, StackFrame, WorkerCrashed, WorkerError, WorkerRaised, WorkerTimeout
from ...limits import LATE_SHARE, LEAST_WAIT_SECONDS
from ..child.server import Way
from ..policy import WorkerLimits
from ..wire import Deadline, DeadlinePassed, Encoder, Tensor, Unsendable, WireError
from .process import WorkerProcess, launch_process, read_wait_status
from .proxy import Answered, Call, Change, Forwarder, Package, Proxy, read_special
from .transport import Frame, ProcessTransport, Reply, Transport, WorkerGone, decode_changes, decode_reply, read_frames
from .zygote_pool import Factory

ACCESSES = ("get", "set", "list", "len")
PLAIN = {error.__name__: error for error in (AttributeError, TypeError, KeyError, IndexError)}

Named = dict[str, str]
Timeout = Callable[[str], float]
Tap = Callable[[Frame, Reply], Reply]


class WorkerClient:
    """One worker holding one package, at the other end of a transport; it is ended when it misses a deadline.

    `load` sends the request to load the package, and `start` waits for it, so a worker can come up while another is
    busy. Workers of one package may share `named`, the kinds of the names it holds, to ask for each only
    once. Errors of a worker that is `trusted` are not a student's. Where its functions have arguments under
    other names than the checks use, they are `renamed`. Each frame and its reply go through `tap`, which may note or
    change what comes back.
    """

    def __init__(
        self,
        transport: Transport,
        package: Path,
        name: str,
        limits: WorkerLimits,
        named: Named | None = None,
        trusted: bool = False,
    ) -> None:
        self.transport = transport
        self.package, self.name, self.limits, self.trusted = package, name, limits, trusted
        self.named = {} if named is None else named
        self.timeout_for: Timeout = lambda callee: limits.call_seconds
        self.tap: Tap = lambda frame, reply: reply
        self.overtime: Callable[[], float] | None = None
        self._given_back, self._loading = 0.0, dict[str, Any]()
        self.modules, self.callees = set[str](), set[str]()
        self.renamed: Mapping[str, Mapping[str, str]] = {}
        self.forwarder: Forwarder | None = None
        self.alive, self.started, self.used = True, False, False
        self.last_call: Call | None = None
        self.last_answer: Any = None
        self.answered: list[Answered] | None = None
        self.changes: list[Change] = []

    @property
    def process(self) -> WorkerProcess:
        """The worker's process. Raise LookupError where requests are answered without one."""
        if self.transport.process is None:
            raise LookupError(f"{self.name} has no process of its own")
        return self.transport.process

    def load(
        self,
        libraries: Sequence[str],
        modules: Iterable[str] = (),
        bytecode: str = "",
        aliases: Sequence[str] = (),
        shims: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Send the request to load the package, then these modules of it; `start` waits for it.

        Code of the package may import `libraries`, all of them if there are none, and its own modules under `aliases`
        too. Compiled modules are read from the folder `bytecode`. `shims` are modules to make, with what they hold.
        """
        request: dict[str, Any] = {"op": "load", "path": str(self.package), "name": self.name, "bytecode": bytecode}
        request |= {"late_after": LATE_SHARE * self.limits.call_seconds}
        lists = {"modules": sorted(modules), "libraries": list(libraries), "aliases": list(aliases)}
        self._loading = request | lists | {"shims": shims or {}}
        self.reload()

    def reload(self) -> None:
        """Send that request once more, since the package's files have changed; `start` waits for it."""
        self.forget_calls()
        self.transport.send(Encoder(self._outgoing).frame(self._loading))

    def start(self, seed: int) -> None:
        """Wait until the package is loaded, then seed every generator. Raise WorkerError when loading it fails."""
        self.transport.send(Encoder(self._outgoing).frame({"op": "reset", "seed": seed}))
        for _ in ("loaded", "seeded"):
            self._answer(None, self.name, self.name)
        self.started = True

    def compile(self, files: Sequence[str]) -> list[Any]:
        """Return the bytecode of files of the package, None for one that cannot be compiled; runs none of its code."""
        compiled = self.request("compile", self.name, path=str(self.package), files=list(files))
        return compiled if isinstance(compiled, list) else []

    def reset(self, seed: int) -> None:
        """Forget every handle and seed every generator; loaded modules stay."""
        self.forget_calls()
        self.request("reset", self.name, seed=seed)

    def replace(self, names: list[str]) -> None:
        """Make these functions, where the package itself calls them, go through `forwarder`."""
        self.request("replace", self.name, names=names)

    def root(self) -> Package:
        """Return the package as a proxy."""
        return Package(self, None, "package", "")

    def note_call(self, function: Proxy, label: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Remember the last call, for the sentence of a failure."""
        self.last_call = Call(function, label, arguments, keywords)
        self.callees.add(label)

    def note_answer(self, answer: Any) -> None:
        """Keep the last answer, and all calls with theirs where `answered` is a list."""
        self.last_answer = answer
        if self.answered is not None and self.last_call is not None:
            self.answered.append((self.last_call, answer))

    def forget_calls(self) -> None:
        """Start over with what is known of calls and of the arguments that they changed."""
        self.last_call, self.last_answer, self.answered = None, None, None
        self.callees, self.changes = set(), []

    def called(self) -> str:
        """Return the name of the function called last, for messages."""
        return self.last_call.label if self.last_call else self.name

    def asked(self) -> str:
        """Return the names by which the check came to the function called last."""
        return self.last_call.asked if self.last_call else self.name

    def parameters(self, function: Proxy) -> list[str]:
        """Return the parameter names of a function in the worker; empty where they cannot be had."""
        try:
            names = self.request("parameters", "", target=Proxy.place(function))
        except WorkerError:
            return []
        return [name if str(name).isidentifier() else "?" for name in names] if isinstance(names, list) else []

    def request(
        self, op: str, callee: str, values: dict[str, Any] | None = None, asked: str = "", **fields: Any
    ) -> Any:
        """Send one request and return the decoded answer; `values` go by the wire's value rules.

        For what a call returned, a failed access raises Python's own error, as the object itself would.
        """
        encoder = Encoder(self._outgoing)
        nodes = {key: encoder.node(value) for key, value in (values or {}).items()}
        called = callee or self.called()
        if not self.trusted and (seconds := self.timeout_for(called)) < self.limits.call_seconds:
            fields["late_after"] = LATE_SHARE * seconds  # or it would be ended before it has told its line
        frame = encoder.frame({"op": op, **fields, **nodes})
        try:
            return self._answer(frame, called, asked or self.asked(), op == "call")
        except WorkerRaised as error:
            if callee or error.frames or op not in ACCESSES or error.kind not in PLAIN:
                raise
            raise PLAIN[error.kind](error.text) from None

    def _outgoing(self, value: Any, encoder: Encoder) -> Any:
        """Return the wire form of what only the parent has: proxies go back as their handle, tensors as arrays."""
        if isinstance(value, Proxy):
            if Proxy.owner(value) is not self:
                raise Unsendable("a proxy of another worker means something else here")
            return {"handle": Proxy.place(value)}
        if isinstance(value, Tensor):
            return {"tensor": [encoder.attach(value.array), value.requires_grad]}
        raise Unsendable(f"a {type(value).__name__} has no form on the wire")

    def _answer(self, frame: Frame | None, callee: str, asked: str, of_call: bool = False) -> Any:
        """Return the decoded answer to a frame, or to what was posted. Raise WorkerError with its `callee`."""
        try:
            message, arrays = self._within_deadline(frame, callee)
            self._note_changes(decode_changes(message))
            special = partial(read_special, self, f"{asked}()" if of_call else asked)
            return decode_reply(message, arrays, special, callee)
        except WireError as error:
            self.kill()
            garbled = WorkerCrashed(callee, Ending.GARBLED, str(error))
            garbled.trusted, garbled.asked = self.trusted, asked
            raise garbled from None
        except WorkerError as error:
            error.trusted, error.asked = self.trusted, asked
            raise

    def _note_changes(self, ways: list[Way]) -> None:
        if self.last_call is not None:
            self.changes += [Change(self.last_call, way) for way in ways]

    def _within_deadline(self, frame: Frame | None, callee: str) -> Reply:
        if not self.alive:
            raise WorkerCrashed(callee, Ending.GONE)
        self.transport.connect()  # the deadline is for what the code does, not for the zygote's start
        seconds, reached = self.timeout_for(callee), list[StackFrame]()
        try:
            return self._converse(frame, Deadline(time.monotonic() + seconds, lambda: self._extend(callee)), reached)
        except DeadlinePassed:
            self.kill()
            self.timeout_for(callee)  # raises where the run is over: then the call itself did not take too long
            limit = max(seconds, float(self.limits.call_seconds))  # of a first call: it may have hung before
            late = WorkerTimeout(callee, Ending.LATE if seconds else Ending.HUNG_BEFORE, limit)
            late.frames = reached
            raise late from None
        except OutOfTime:  # the call is under way, and its reply would be taken for that of the next
            self.kill()
            raise
        except WorkerGone as gone:
            self.kill()
            raise read_wait_status(gone.status, callee, self.limits.cpu_seconds) from None

    def _extend(self, callee: str) -> float:
        """Return more seconds for a call: its overtime where it has one, else those in which others had its core.

        Raise OutOfTime where the run is over.
        """
        if self.overtime is not None:
            return self.overtime()
        if self.transport.process is None:
            return 0.0
        waited = self.transport.process.waited_seconds() - self._given_back
        if waited < LEAST_WAIT_SECONDS:
            return 0.0
        given = min(waited, self.timeout_for(callee))
        self._given_back += given
        return given

    def _converse(self, frame: Frame | None, deadline: Deadline, reached: list[StackFrame]) -> Reply:
        """Return the reply to a frame, or to what was sent before, and serve the calls of callbacks meanwhile.

        The lines that a late request says it has `reached` are put there, once. Raise WireError for more of them.
        """
        if frame is not None:
            self.transport.send(frame, deadline)
        while True:
            reply = self.transport.receive(deadline)
            if "late" in reply[0]:
                if reached or not (frames := read_frames(reply[0]["late"])):
                    raise WireError("a late report that no worker of ours sends")
                reached += frames
                continue
            if frame is not None:
                reply = self.tap(frame, reply)
            if self.forwarder is None or "callback" not in reply[0]:
                return reply
            deadline.check()  # a worker can always have the next callback there in time
            frame = self.forwarder(*reply)
            self.transport.send(frame, deadline)

    def take_output(self) -> str:
        """Return what the worker printed since the last time; empty where that went to the terminal at once.

        Files of the package are named from its own folder on, in warnings above all: in grading it lies anywhere.
        """
        printed = self.transport.process.output.take() if self.transport.process is not None else ""
        return printed.replace(f"{self.package.parent}{os.sep}", "")

    def kill(self) -> None:
        """End the worker from outside; nobody waits until it is collected."""
        self.alive = False
        self.transport.close()


def launch_worker(
    factory: Factory,
    package: Path,
    name: str,
    limits: WorkerLimits,
    *,
    bytecode: str = "",
    named: Named | None = None,
    trusted: bool = False,
) -> WorkerClient:
    """Have a process started that may read a package and a folder of bytecode; return its client at once."""
    places = [str(package), *filter(None, [bytecode])]
    process, channel = launch_process(factory, vars(limits), places, judged=not trusted)
    return WorkerClient(ProcessTransport(process, channel), package, name, limits, named, trusted)
