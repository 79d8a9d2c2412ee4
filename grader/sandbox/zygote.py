"""A clean process with the libraries loaded, which forks a worker for each request; a script that holds no secret."""

import json
import os
import signal
import socket
import sys

CONTROL_FD = 3


def main() -> None:
    """Preloads, then serves spawn and reap requests on the control socket until the parent hangs up."""
    settings = json.loads(sys.argv[1])
    sys.path[:0] = settings["path"]
    sys.dont_write_bytecode = True
    from grader.sandbox import channel, confine, preload, worker  # noqa: F401

    preload.load(settings["libraries"])
    sys.path[:] = [entry for entry in sys.path if entry != settings["engine"]]
    sys.pycache_prefix = os.path.join(os.devnull, "none")  # no bytecode is read that another worker could have planted
    os.dup2(settings["control"], CONTROL_FD)
    control = socket.socket(fileno=CONTROL_FD)
    control.sendall(b'{"ready": 1}\n')
    unread, fds = b"", []
    while True:
        try:
            part, more, _, _ = socket.recv_fds(control, 4096, 2)
        except ConnectionError:
            return
        if not part:
            return
        *lines, unread = (unread + part).split(b"\n")
        fds += more
        for line in lines:
            request = json.loads(line)
            control.sendall(json.dumps(_handle(request, fds, control, settings)).encode() + b"\n")
            if request["op"] == "spawn":
                fds = []


def _handle(request: dict, fds: list[int], control: socket.socket, settings: dict) -> dict[str, int]:
    """Forks on the descriptors that came along, or collects; a read ends with the message that brings descriptors."""
    if request["op"] == "reap":
        return {"status": os.waitpid(request["pid"], 0)[1]}
    pid = os.fork()
    if pid == 0:
        _become_worker(request, fds, control, settings)
    for fd in fds:
        os.close(fd)
    return {"pid": pid}


def _become_worker(request: dict, fds: list[int], control: socket.socket, settings: dict) -> None:
    status = 70
    try:
        from grader.sandbox import confine
        from grader.sandbox.channel import Channel
        from grader.sandbox.worker import serve

        control.close()
        channel = Channel(socket.socket(fileno=os.dup2(fds[0], CONTROL_FD)), blocking=True)
        confine.enter(output=fds[1], folder=settings["folder"], keep=CONTROL_FD, limits=request["limits"])
        serve(channel)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
