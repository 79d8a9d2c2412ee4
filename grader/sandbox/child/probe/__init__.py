"""Acts that a worker tries on itself: a layer should forbid some, and the others have to work all the same.

An act returns whether it succeeded, or raises. This package is loaded into a worker as a student's is.
"""

import ctypes
import mmap
import os
import socket
import threading

import numpy as np

TERABYTE = 1 << 40
NO_RESERVE = 0x4000
GET_DUMPABLE = 3


def shares_session() -> bool:
    """session: lives in a session it did not make."""
    return os.getsid(0) != os.getpid()


def holds_descriptors() -> bool:
    """descriptors: has something open besides its socket and the interpreter's folders."""
    return any(_is_open(number) for number in range(4, 256))


def _is_open(number: int) -> bool:
    try:
        return not os.path.isdir(f"/proc/self/fd/{number}") if os.fstat(number) else False
    except OSError:
        return False


def has_environment() -> bool:
    """environment: sees a variable of the environment it was started in."""
    return bool(os.environ)


def allocates() -> bool:
    """rlimits: gets a terabyte of address space."""
    mmap.mmap(-1, TERABYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE).close()
    return True


def is_user(uid: int) -> bool:
    """uid: has the user id of the process that grades."""
    return os.getuid() == uid


def is_dumpable() -> bool:
    """privileges: lets others look into it."""
    return bool(ctypes.CDLL(None).prctl(GET_DUMPABLE, 0, 0, 0, 0))


def reads(path: str) -> bool:
    """landlock: reads a file outside of what it needs."""
    with open(path) as file:
        return bool(file.read(1))


def opens(paths: list[str]) -> bool:
    """landlock, uid: opens one of these files or folders, by its path or through a folder that was left open."""
    return any(_opens(path) or any(_opens_from(folder, path) for folder in range(4, 64)) for path in paths)


def _opens(path: str, **options: int) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY, **options))
    except OSError:
        return False
    return True


def _opens_from(folder: int, path: str) -> bool:
    try:
        start = os.readlink(f"/proc/self/fd/{folder}")
    except OSError:
        return False
    return _opens(os.path.relpath(path, start), dir_fd=folder)


def starts_process() -> bool:
    """seccomp: starts another process."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def opens_socket() -> bool:
    """seccomp: opens a socket."""
    socket.socket().close()
    return True


def signals(pid: int) -> bool:
    """seccomp: may signal another process (signal 0 only asks)."""
    os.kill(pid, 0)
    return True


def imports() -> bool:
    """control: imports modules of the standard library and of NumPy that were not loaded yet."""
    import wave

    import numpy.ctypeslib

    return wave.Error is not None and numpy.ctypeslib is not None


def computes() -> bool:
    """control: multiplies matrices."""
    return float((np.ones((64, 64)) @ np.ones((64, 64)))[0, 0]) == 64.0


def threads() -> bool:
    """control: starts a thread."""
    done = threading.Event()
    thread = threading.Thread(target=done.set)
    thread.start()
    thread.join()
    return done.is_set()


def sees_itself() -> bool:
    """control: reads its own source."""
    return os.path.getsize(__file__) > 0 and reads(__file__)
