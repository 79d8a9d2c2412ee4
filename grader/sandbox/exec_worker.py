"""The start of a worker that is not forked: for platforms where forking is absent, or unsafe with libraries loaded."""

import base64
import json
import os
import socket
import sys


def main() -> None:
    """Takes its socket from the parent, preloads, gives up what this platform lets it give up, and serves."""
    settings = json.loads(sys.argv[1])
    sys.path[:0] = settings["path"]
    sys.dont_write_bytecode = True
    from grader.sandbox import confine, preload
    from grader.sandbox.channel import Channel
    from grader.sandbox.worker import serve

    preload.load(settings["libraries"])
    sys.path[:] = [entry for entry in sys.path if entry != settings["engine"]]
    sys.pycache_prefix = os.path.join(os.devnull, "none")  # no bytecode is read that another worker could have planted
    channel = Channel(inherited_socket(settings["socket"]), blocking=True)
    os.chdir(settings["folder"])
    confine.restrict(settings["limits"])
    serve(channel)


def inherited_socket(number: int) -> socket.socket:
    """The socket the parent made: by its descriptor, or, on Windows, from what the parent writes to stdin."""
    if number >= 0:
        return socket.socket(fileno=number)
    return socket.fromshare(base64.b64decode(sys.stdin.readline()))


if __name__ == "__main__":
    main()
