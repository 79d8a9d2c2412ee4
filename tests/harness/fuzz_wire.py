"""Coverage-guided fuzzing of what the parent does with a worker's bytes: `python -m tests.harness.fuzz_wire -runs=N`.

Whatever comes, nothing but a WorkerError may come out, in time and within the memory the caps allow.
"""

import contextlib
import json
import socket
import sys
import time
from pathlib import Path

import atheris

from grader import limits
from grader.errors import WorkerError

with atheris.instrument_imports(include=["grader.sandbox"]):
    from grader.sandbox.parent.client import WorkerClient
    from grader.sandbox.parent.transport import ProcessTransport
    from grader.sandbox.policy import WorkerLimits
    from grader.sandbox.wire import LENGTH, Channel, Encoder

import numpy as np

limits.FRAME_BYTES = 4096
SECONDS = 2.0


class Ended:
    """A process that is there, and gone when it is looked at."""

    says_ready = False

    def meet(self) -> int:
        """It is there."""
        return 0

    def ends_within(self, seconds: float) -> bool:
        """It has ended."""
        return True

    def end(self) -> None:
        """There is nothing to end."""

    def status(self) -> int:
        """Its wait status."""
        return 0


def listen(raw: bytes) -> None:
    """Feeds bytes to a parent that waits for an answer, and hangs up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(raw[: 64 * 1024])
        theirs.shutdown(socket.SHUT_WR)
        started = time.monotonic()
        transport = ProcessTransport(Ended(), Channel(ours))
        with contextlib.suppress(WorkerError):
            WorkerClient(transport, Path("package"), "package", WorkerLimits(call_seconds=SECONDS)).start(0)
        assert time.monotonic() - started < SECONDS, "it took too long"


def with_length(raw: bytes) -> None:
    """The same with a true length in front, every other time, so that headers are reached."""
    cut = raw.find(b"\0")
    head, rest = (raw, b"") if cut < 0 else (raw[:cut], raw[cut + 1 :])
    listen(raw if raw[:1] == b"!" else LENGTH.pack(len(head)) + head + rest)


def seeds() -> list[bytes]:
    """Frames of every form, for the fuzzer to start from."""
    found = []
    for value in (1, 2.5, "text", [1, (2,)], {"a": None}, np.arange(3.0), np.float32(1)):
        encoder = Encoder(lambda value, encoder: None)
        head, *buffers = encoder.frame({"ok": encoder.node(value)})
        found.append(bytes(head[LENGTH.size :]) + b"\0" + b"".join(map(bytes, buffers)))
    frame = {"file": "a.py", "line": 3, "function": "a.f", "text": "x"}
    error = {"error": {"type": "ValueError", "message": "no", "frames": [frame]}}
    changed = {"ok": None, "changed": [[0, 1, "x"], ["config", "m"]]}
    found += [
        json.dumps({"message": message, "arrays": []}).encode() for message in (error, changed, {"callback": "f"})
    ]
    return [*found, json.dumps({"message": {"ok": {"handle": [1, "dict", "a.b"]}}, "arrays": []}).encode()]


if __name__ == "__main__":
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds()):
        (corpus / f"seed{number}").write_bytes(content)
    atheris.Setup(sys.argv, with_length)
    atheris.Fuzz()
