"""A clean process with the libraries loaded, which forks a worker for each request; a script that holds no secret."""

import json
import os
import resource
import signal
import socket
import sys

CONTROL_FD = 3
FAILED = 70


def main() -> None:
    """Preloads, then serves spawn and reap requests on the control socket until the parent hangs up."""
    settings = json.loads(sys.argv[1])
    os.dup2(settings["control"], CONTROL_FD)
    os.close(settings["control"])
    control = socket.socket(fileno=CONTROL_FD)
    sys.path[:0] = settings["path"]
    sys.dont_write_bytecode = True
    from grader.sandbox.policy import Policy

    policy = Policy(frozenset(settings["layers"]))
    confinement = _prepare(settings, policy)
    control.sendall(b'{"ready": 1}\n')
    unread, fds = b"", []
    while True:
        try:
            part, more, _, _ = socket.recv_fds(control, 16384, 2)
        except ConnectionError:
            return
        if not part:
            return
        *lines, unread = (unread + part).split(b"\n")
        fds += more
        for line in lines:
            request = json.loads(line)
            control.sendall(json.dumps(_handle(request, fds, control, confinement)).encode() + b"\n")
            if request["op"] == "spawn":
                fds = []


def _prepare(settings: dict, policy):
    """Loads libraries and engine, and readies the layers that workers put on."""
    first_free = CONTROL_FD + 1
    if "uid" in policy:
        from grader.sandbox import reach

        first_free = reach.name_by_descriptor(first_free, settings["engine"])
    from grader.sandbox import confine, preload, worker  # noqa: F401

    if "rlimits" in policy:
        confine.die_first(confine.ZYGOTE_DIES)
    if "privileges" in policy:
        confine.undumpable()
    preload.load(settings["libraries"])
    sys.path[:] = [entry for entry in sys.path if entry != settings["engine"]]
    sys.pycache_prefix = os.path.join(os.devnull, "none")  # no bytecode is read that another worker could have planted
    installed = [entry for entry in settings["path"] if entry != settings["engine"]]
    made = confine.Confinement(policy, settings["libraries"], installed, settings["folder"], first_free)
    preload.freeze()
    return made


def _handle(request: dict, fds: list[int], control: socket.socket, confinement) -> dict[str, int]:
    """Forks on the descriptors that came along, collects, or tells what CPU time it and all it collected used.

    A read ends with the message that brings descriptors.
    """
    if request["op"] == "reap":
        return {"status": os.waitpid(request["pid"], 0)[1]}
    if request["op"] == "usage":
        return {"microseconds": sum(map(_microseconds, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))}
    confinement.prepare(tuple(request["places"]))
    pid = os.fork()
    if pid == 0:
        _become_worker(request, fds, control, confinement)
    for fd in fds:
        os.close(fd)
    return {"pid": pid}


def _microseconds(whose: int) -> int:
    """CPU time of this process, or of those it has collected."""
    used = resource.getrusage(whose)
    return round(1e6 * (used.ru_utime + used.ru_stime))


def _become_worker(request: dict, fds: list[int], control: socket.socket, confinement) -> None:
    status = FAILED
    try:
        from grader.sandbox.channel import Channel
        from grader.sandbox.worker import serve

        control.close()
        channel = Channel(socket.socket(fileno=os.dup2(fds[0], CONTROL_FD)), blocking=True)
        confinement.enter(fds[1], tuple(request["places"]), request["limits"], request["judged"])
        serve(channel)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
