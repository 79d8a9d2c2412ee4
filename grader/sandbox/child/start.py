"""The start of a worker's side, as a script: a zygote that forks workers, or one worker where forking is unsafe.

A zygote is a clean process with the libraries loaded; it holds no secret.
"""

import base64
import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import signal
import socket
import sys
import time
import types
from bdb import Bdb, BdbQuit
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the engine can be imported only once the settings have said where it lies
    from grader.sandbox.child.confine import Confinement
    from grader.sandbox.wire import Channel

CONTROL_FD = 3
FAILED = 70
REQUEST_BYTES = 65536  # of a request to a zygote: two paths and some numbers
COMPILER = "torch._dynamo"
MADV_COLLAPSE = 25
RUNNING = set[int]()  # the workers that a zygote has forked and not yet collected


def serve_parent() -> None:
    """Serve the parent as the settings on the command line say, until it hangs up."""
    settings = json.loads(sys.argv[1])
    sys.path[:0] = settings["path"]
    sys.dont_write_bytecode = True
    if "control" in settings:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        serve_as_zygote(settings)
    else:
        serve_as_worker(settings)


def serve_as_worker(settings: dict[str, Any]) -> None:
    """Load the libraries, give up what this platform lets a process give up, and answer requests."""
    from grader.sandbox.child import confine
    from grader.sandbox.wire import Channel, Encoder

    load_libraries(settings["libraries"])
    _leave(settings["engine"])
    channel = Channel(_inherited_socket(settings["socket"]), blocking=True)
    os.chdir(settings["folder"])
    confine.limit_resources(settings["limits"])
    channel.send(Encoder(lambda value, encoder: None).frame({"ready": True}))
    serve(channel)


def _inherited_socket(number: int | None) -> socket.socket:
    """Return the socket that the parent made: by its descriptor, or without one from what it writes to stdin."""
    if number is None:
        written = base64.b64decode(sys.stdin.readline())
        shared: socket.socket = socket.fromshare(written)  # type: ignore[attr-defined]  # only Windows has it
        return shared
    return socket.socket(fileno=number)


def serve_as_zygote(settings: dict[str, Any]) -> None:
    """Load the libraries, then fork, collect and count on request."""
    os.dup2(settings["control"], CONTROL_FD)
    os.close(settings["control"])
    control = socket.socket(fileno=CONTROL_FD)
    confinement = _confinement(settings)
    control.send(b'{"ready": 1}')
    with contextlib.suppress(ConnectionError):
        while True:
            request, fds, _, _ = socket.recv_fds(control, REQUEST_BYTES, 2)
            if not request:
                return
            control.send(json.dumps(_handle(json.loads(request), fds, control, confinement)).encode())


def _confinement(settings: dict[str, Any]) -> "Confinement":
    """Load libraries and engine, and prepare the layers that workers put on."""
    from grader.sandbox.policy import Policy

    policy, first_free = Policy(frozenset(settings["layers"])), CONTROL_FD + 1
    if "uid" in policy:
        from grader.sandbox.child import confine

        first_free = confine.name_by_descriptor(first_free, settings["engine"])
    from grader.sandbox.child import confine, server  # noqa: F401  # workers cannot read the engine

    if "rlimits" in policy:
        confine.die_first(confine.ZYGOTE_DIES)
    if "privileges" in policy:
        confine.forbid_dumps()
    gc.disable()  # nothing that libraries make while they load is garbage
    load_libraries(settings["libraries"])
    _leave(settings["engine"])
    installed = [entry for entry in settings["path"] if entry != settings["engine"]]
    place = settings["folder"], first_free, settings["uids"]
    made = confine.Confinement(policy, settings["libraries"], installed, *place)
    gc.freeze()  # no collection touches the heap that workers share
    gc.enable()
    join_pages()
    return made


def join_pages() -> None:
    """Have the kernel join the pages of the heap into huge ones, so that a fork with torch costs a third less.

    A page that a worker writes to is copied by itself. A kernel that cannot do this leaves all as it is, and so does
    a system that shows no /proc.
    """
    try:
        with open("/proc/self/maps") as maps:
            places = [line.split() for line in maps]
    except OSError:
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for place, rights, *_, inode in (words[:5] for words in places if words[5:] in ([], ["[heap]"])):
        first, last = (int(address, 16) for address in place.split("-"))
        if rights == "rw-p" and inode == "0":
            madvise(first, last - first, MADV_COLLAPSE)


def _handle(
    request: dict[str, Any], fds: list[int], control: socket.socket, confinement: "Confinement"
) -> dict[str, int]:
    """Collect a worker, return the CPU time of all so far, or fork one on the descriptors that came along."""
    if request["op"] == "reap":
        RUNNING.discard(request["pid"])
        return {"status": os.waitpid(request["pid"], 0)[1]}
    if request["op"] == "usage":
        return {"microseconds": _microseconds()}
    confinement.prepare(tuple(request["places"]))
    pid = os.fork()
    if pid == 0:
        _become_worker(request, fds, control, confinement)
    for fd in fds:
        os.close(fd)
    RUNNING.add(pid)
    return {"pid": pid}


def _microseconds() -> int:
    """Return the CPU time of this process and of all that it has forked."""
    import resource  # Windows has none

    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    running = sum(time.clock_gettime((~pid << 3) | 2) for pid in RUNNING)
    return round(1e6 * (running + sum(usage.ru_utime + usage.ru_stime for usage in used)))


def _become_worker(request: dict[str, Any], fds: list[int], control: socket.socket, confinement: "Confinement") -> None:
    status = FAILED
    try:
        from grader.sandbox.wire import Channel

        control.close()
        channel = Channel(socket.socket(fileno=os.dup2(fds[0], CONTROL_FD)), blocking=True)
        confinement.enter(fds[1], tuple(request["places"]), request["limits"], request["judged"])
        serve(channel)
        status = 0
    finally:
        os._exit(status)


def serve(channel: "Channel") -> None:
    """Answer requests until the parent hangs up; a breakpoint raises at its own line, since nobody could answer it."""
    from grader.sandbox.child.server import WorkerServer
    from grader.sandbox.wire import ChannelClosed

    sys.breakpointhook = _refuse_breakpoint
    setattr(Bdb, "set_trace", _refuse_breakpoint)  # noqa: B010  # pdb's; a type checker forbids to assign it
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # or what was printed would be lost with the process

    def ask(frame: list[Any]) -> Any:
        channel.send(frame)
        return channel.receive()

    server = WorkerServer(ask, channel.send)
    while True:
        try:
            channel.send(server.answer(*channel.receive()))
        except ChannelClosed:
            return


def _refuse_breakpoint(*arguments: Any, **keywords: Any) -> None:
    raise BdbQuit


def load_libraries(libraries: list[str]) -> None:
    """Import the libraries, and what would otherwise be loaded late in every worker.

    So too the modules of the standard library that need a library of the system, which no worker can read.
    """
    import bz2  # noqa: F401
    import hashlib  # noqa: F401
    import lzma  # noqa: F401
    import zlib  # noqa: F401

    import numpy.random  # noqa: F401

    if "torch" in libraries:
        _load_torch()


def _leave(engine: str) -> None:
    """Take the engine's folder off the path, and let nobody read bytecode that another worker could have planted."""
    sys.path[:] = [entry for entry in sys.path if entry != engine]
    sys.pycache_prefix = os.path.join(os.devnull, "none")


def _load_torch() -> None:
    # the release candidate that Ubuntu 22.04 has for Python 3.11 is from before integers had a limit, which 0 says
    if not hasattr(sys, "get_int_max_str_digits"):
        sys.get_int_max_str_digits, sys.set_int_max_str_digits = lambda: 0, lambda maxdigits: None
    import torch

    _keep_compiler_out(torch)
    # backward(gradient) imports it, and arithmetic on the device "meta": 1.6 s in a worker, which reads no bytecode
    import torch.fx.experimental.symbolic_shapes

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    loss = torch.nn.functional.cross_entropy(layer(torch.zeros(1, 1, 2, 2)), torch.zeros(1, dtype=torch.long))
    loss.backward()
    optimizer.step()


def _keep_compiler_out(torch: Any) -> None:
    """Spare the workers PyTorch's compiler, half of all its modules: optimizers load it to be left out by it.

    Whatever else is asked of it loads it all the same.
    """

    class NoCompiler(types.ModuleType):
        """Stands for `torch._dynamo` as far as optimizers need it."""

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__") and name != "__path__":
                raise AttributeError(name)
            if sys.modules[COMPILER] is self:
                del sys.modules[COMPILER], torch._dynamo
                os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.curdir  # its import makes this folder, unless it is there
            return getattr(importlib.import_module(COMPILER), name)

        @staticmethod
        def disable(function: Any = None, recursive: bool = True, **unused: Any) -> Any:
            return (lambda decorated: decorated) if function is None else function

        @staticmethod
        def graph_break(*unused: Any) -> None:
            """Do nothing; nothing is compiled."""

    torch._dynamo = sys.modules[COMPILER] = NoCompiler(COMPILER)


if __name__ == "__main__":
    serve_parent()
