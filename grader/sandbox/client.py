"""The parent's side of one worker: requests under a deadline, and the end of it from outside."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import answers
from .channel import Channel, ChannelClosed, DeadlinePassed
from .child import Child, how_it_ended
from .errors import StudentCrashed, StudentError, StudentRaised, StudentTimeout
from .graft import Relay
from .launch import Ticket
from .output import Output
from .processes import Factory
from .remote import Package, Remote, RemoteFactory
from .side_effects import Way
from .wire import Encoder, Header, Tensor, Unsendable, WireError

GRACE = 0.5  # seconds in which a process whose connection is gone has ended too
LOOKS = ("get", "set", "list", "len")
PLAIN = {error.__name__: error for error in (AttributeError, TypeError, KeyError, IndexError)}


@dataclass(frozen=True)
class Limits:
    """What a worker may use: seconds of wall clock per call, seconds of CPU, megabytes on top of what is loaded."""

    call_seconds: float = 10.0
    cpu_seconds: int = 30
    memory_mb: int = 2048
    file_mb: int = 1

    def as_dict(self) -> dict[str, int]:
        return {"cpu_seconds": self.cpu_seconds, "memory_mb": self.memory_mb, "file_mb": self.file_mb}


Named = dict[str, tuple[str, bool]]
Patience = Callable[[str], float]
Exchange = Callable[[float], tuple[Header, list[np.ndarray]]]


@dataclass
class Call:
    """A call as the parent saw it, for messages: what was called, and the arrays that went along."""

    function: Any
    label: str
    arguments: tuple
    keywords: dict = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """The names by which the check came to what it called."""
        return Remote.asked(self.function)


Answered = tuple[Call, Any]


@dataclass(frozen=True)
class Change:
    """An array that a call changed in place, as the worker reports it: the argument, then indices and keys in it."""

    call: Call
    way: Way


class Worker:
    """One forked process holding one package; every request has a deadline, and a worker that misses it is killed.

    Making one only sends the requests to fork it and to load the package and `modules`; `start` waits for them, so that
    a worker can come up while its predecessor is still busy. Workers of one package may share a `bytecode` folder, to
    compile only once, and `named`, the kind and callability of the names it holds, to ask for each only once. Code of
    the package may import its modules under `aliases` too. A worker made `to_compile` some files does just that, and
    runs none of the package's code; `bytecode` writes its answer.
    """

    trusted = False

    def __init__(
        self,
        zygote: Factory,
        package: Path,
        name: str,
        limits: Limits,
        modules: Iterable[str] = (),
        bytecode: str = "",
        named: Named | None = None,
        trusted: bool = False,
        to_compile: Sequence[str] = (),
        aliases: Sequence[str] = (),
    ) -> None:
        self._prepare(package, name, limits, named)
        self.trusted = trusted
        ours, theirs = socket.socketpair()
        output, sink = os.pipe()
        self.output = Output(output)
        self._channel = Channel(ours, drain=self.output)
        try:
            places = [str(package), *filter(None, [bytecode])]
            self._child = Child(zygote, zygote.spawn(limits.as_dict(), theirs, sink, places, not trusted))
            begin = {
                "op": "begin",
                "path": str(package),
                "name": name,
                "modules": sorted(modules),
                "bytecode": bytecode,
                "libraries": list(zygote.libraries),
                "aliases": list(aliases),
            }
            compile_ = {"op": "compile", "path": str(package), "files": list(to_compile)}
            self._channel.send(Encoder(self._outgoing).frame(compile_ if to_compile else begin))
        finally:
            theirs.close()
            os.close(sink)

    def _prepare(self, package: Path, name: str, limits: Limits, named: Named | None = None) -> None:
        self.package, self.name, self.limits = package, name, limits
        self.named = {} if named is None else named
        self.patience: Patience = lambda callee: limits.call_seconds
        self.overtime: Callable[[], float] = lambda: 0.0
        self.forget_calls()
        self.modules: set[str] = set()
        self.relay: Relay | None = None
        self.alive, self.started, self.used = True, False, False

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._child.pid

    def compiled(self) -> list[Any]:
        """The bytecode of the files it was made to compile, None for one that cannot be; raises StudentError."""
        return self._answer(self._channel.receive, self.name, self.name)

    def start(self, seed: int) -> None:
        """Waits until the package is loaded and seeds every generator; raises StudentError when loading it fails."""
        self._child.meet()  # the deadline is for what the code does, not for the zygote's start
        seeding = Encoder(self._outgoing).frame({"op": "seed", "seed": seed})
        self._answer(self._exchange(seeding), self.name, self.name)  # answers what was asked for when it was made
        self._answer(self._channel.receive, self.name, self.name)
        self.started = True

    def reset(self, seed: int) -> None:
        """Forgets every handle and seeds every generator; loaded modules stay."""
        self.forget_calls()
        self.request("reset", self.name, seed=seed)

    def graft(self, names: list[str]) -> None:
        """Makes these functions, where the package itself calls them, go through `relay`."""
        self.request("graft", self.name, names=names)

    def root(self) -> Package:
        """The package as a proxy."""
        return Package(RemoteFactory(self), None, "package", "", False)

    def note_call(self, function: Remote, label: str, arguments: tuple, keywords: dict) -> None:
        """Remembers the last call, for the sentence of a failure."""
        self.last_call = Call(function, label, arguments, keywords)
        self.callees.add(label)

    def note_answer(self, answer: Any) -> None:
        """Keeps the last call with its answer, where `answered` is a list."""
        if self.answered is not None and self.last_call is not None:
            self.answered.append((self.last_call, answer))

    def forget_calls(self) -> None:
        """Starts over with what is known of calls and of the arguments that they changed."""
        self.last_call: Call | None = None
        self.callees: set[str] = set()
        self.answered: list[Answered] | None = None
        self.changes: list[Change] = []

    def called(self) -> str:
        """The name of the function called last, for messages."""
        return self.last_call.label if self.last_call else self.name

    def asked(self) -> str:
        """The names by which the check came to the function called last."""
        return self.last_call.asked if self.last_call else self.name

    def parameters(self, function: Remote) -> list[str]:
        """The parameter names of a function in the worker; empty where they cannot be had."""
        try:
            names = self.request("parameters", "", target=Remote.place(function))
        except StudentError:
            return []
        return [name if str(name).isidentifier() else "?" for name in names] if isinstance(names, list) else []

    def request(
        self, op: str, callee: str, values: dict[str, Any] | None = None, asked: str = "", **fields: Any
    ) -> Any:
        """Sends one request and returns the decoded answer; `values` go by the wire's value rules.

        A look at an object without a name (what a call returned) raises Python's own error, as the object itself would.
        """
        encoder = Encoder(self._outgoing)
        nodes = {key: encoder.node(value) for key, value in (values or {}).items()}
        exchange = self._exchange(encoder.frame({"op": op, **fields, **nodes}))
        try:
            return self._answer(exchange, callee or self.called(), asked or self.asked(), op == "call")
        except StudentRaised as error:
            if callee or error.frames or op not in LOOKS or error.kind not in PLAIN:
                raise
            raise PLAIN[error.kind](error.sentence) from None

    def _exchange(self, buffers: list[Any]) -> Exchange:
        """Sends a frame and waits for the next answer, serving the calls of grafts meanwhile."""

        def exchange(deadline: float) -> tuple[Header, list[np.ndarray]]:
            self._channel.send(buffers, deadline)
            header, arrays = self._channel.receive(self._put_off(deadline))
            while self.relay is not None and "callback" in header.message:
                self._channel.send(self.relay(header.message, arrays), deadline)
                header, arrays = self._channel.receive(deadline)
            return header, arrays

        return exchange

    def _put_off(self, deadline: float) -> float:
        """Waits until the worker says something; returns the deadline, put off for as long as `overtime` gives more."""
        while True:
            try:
                self._channel.wait(deadline)
                return deadline
            except DeadlinePassed:
                more = self.overtime()
                if more <= 0:
                    raise
                deadline = time.monotonic() + more

    def _outgoing(self, value: Any, encoder: Encoder) -> Any:
        """The wire form of what only the parent has: proxies go back as their handle, tensors as arrays."""
        if isinstance(value, Remote):
            if Remote.owner(value) is not self:
                raise Unsendable("a proxy of another worker means something else here")
            return {"handle": Remote.place(value)}
        if isinstance(value, Tensor):
            return {"tensor": [encoder.attach(value.array), value.requires_grad]}
        raise Unsendable(f"a {type(value).__name__} has no form on the wire")

    def _answer(self, exchange: Exchange, callee: str, asked: str, of_call: bool = False) -> Any:
        try:
            header, arrays = self._within_deadline(exchange, callee)
            self._note_changes(answers.changes(header.message))
            special = RemoteFactory(self, f"{asked}()" if of_call else asked).special
            return answers.read(header.message, arrays, special, callee)
        except WireError as error:
            self.kill()
            garbled = StudentCrashed(callee, f"{callee} broke its connection to the grader: {error}")
            garbled.trusted, garbled.asked = self.trusted, asked
            raise garbled from None
        except StudentError as error:
            error.trusted, error.asked = self.trusted, asked
            raise

    def _note_changes(self, ways: list[Way]) -> None:
        if self.last_call is not None:
            self.changes += [Change(self.last_call, way) for way in ways]

    def _within_deadline(self, exchange: Exchange, callee: str) -> tuple[Header, list[np.ndarray]]:
        if not self.alive:
            raise StudentCrashed(callee, f"{callee} cannot be asked: its process has already ended")
        seconds = self.patience(callee)
        try:
            return exchange(time.monotonic() + seconds)
        except DeadlinePassed:
            self.kill()
            self.patience(callee)  # raises where the run is over: then the call itself did not take too long
            if seconds:
                raise StudentTimeout(callee, f"{callee} did not finish within {seconds:g} s") from None
            again = StudentTimeout(callee, f"{callee} was not tried again: it has hung before")
            again.brief = "{} was not tried again: it has hung before"
            raise again from None
        except ChannelClosed:
            raise self._gone(callee) from None

    def _gone(self, callee: str) -> StudentError:
        ended = self._child.ends_within(GRACE)
        status = self.kill()
        if not ended:
            return StudentCrashed(callee, f"{callee} closed its connection to the grader")
        return how_it_ended(status, callee, self.limits.cpu_seconds)

    def kill(self) -> int:
        """Ends the worker's whole process group from outside and collects it; returns its wait status."""
        ticket = self.dismiss()
        return self._child.status(ticket) if ticket else 0

    def dismiss(self) -> Ticket | None:
        """Ends the worker as `kill` does, without waiting until it is collected."""
        if not self.alive:
            return None
        self.alive = False
        self._channel.close()
        ticket = self._child.end()
        self.output.read()
        self.output.close()
        return ticket

    def cpu_seconds(self) -> float:
        """CPU time of all the worker's threads so far (Linux)."""
        return self._child.cpu_seconds()

    def pause(self) -> None:
        """Stops the worker, background threads included, until `resume`."""
        self._child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused worker go on."""
        self._child.signal(signal.SIGCONT)
