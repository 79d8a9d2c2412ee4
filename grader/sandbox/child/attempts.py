"""Recognize, by the exception that came of it, what graded code tried and cannot do."""

import errno
import linecache
import traceback

from ...errors import Attempt

# the kind of an exception and how its text begins: what was tried
TRIED = (
    ("SystemExit", "", Attempt.EXIT),
    ("NameError", "name 'exit' is not defined", Attempt.EXIT),
    ("NameError", "name 'quit' is not defined", Attempt.EXIT),
    ("BdbQuit", "", Attempt.BREAKPOINT),
    ("EOFError", "EOF when reading a line", Attempt.PROMPT),
    ("RuntimeError", "Could not determine home directory", Attempt.HOME),
    ("KeyError", "'HOME'", Attempt.HOME),
    ("KeyError", "'getpwuid(): uid not found", Attempt.HOME),
    ("RuntimeError", "can't start new thread", Attempt.THREAD),
    ("FileNotFoundError", "[Errno 2] No usable temporary directory", Attempt.WRITE),
    ("AssertionError", "Torch not compiled with CUDA enabled", Attempt.GPU),
    ("RuntimeError", "No CUDA GPUs are available", Attempt.GPU),
    ("RuntimeError", "Found no NVIDIA driver", Attempt.GPU),
    ("RuntimeError", "Attempting to deserialize object on a CUDA device", Attempt.GPU),
    ("RuntimeError", "PyTorch is not linked with support for mps", Attempt.GPU),
)
NETWORK_KINDS = ("gaierror", "URLError", "HTTPError")
NETWORK_MODULES = ("socket", "ssl", "http", "urllib", "asyncio")
PROCESS_MODULES = ("subprocess", "multiprocessing", "concurrent")
FORKS = ("fork", "spawn", "exec", "popen", "system")
# calls that name a file and are refused without writing to it
NOT_WRITES = {"chdir(": Attempt.FOLDER, "chroot(": Attempt.OTHER, "statvfs(": Attempt.OTHER, "xattr(": Attempt.OTHER}


def find_attempt(error: BaseException, text: str) -> Attempt | None:
    """Return what an exception with this text shows that graded code tried and cannot do; None for any other."""
    kind = type(error).__name__
    tried = (attempt for name, start, attempt in TRIED if name == kind and text.startswith(start))
    return next(tried, None) or (_refused(error) if isinstance(error, OSError) else None)


def _refused(error: OSError) -> Attempt | None:
    """Return which act found nothing or was refused, by the kind of error and by the library that asked for it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    module = str(frames[-1].f_globals.get("__name__", "")).partition(".")[0] if frames else ""
    if type(error).__name__ in NETWORK_KINDS or module in NETWORK_MODULES:
        return Attempt.NETWORK
    if error.errno == errno.ENOENT and error.filename is not None:
        return Attempt.OPEN
    if error.errno not in (errno.EPERM, errno.EACCES):
        return None
    line = linecache.getline(frames[-1].f_code.co_filename, frames[-1].f_lineno) if frames else ""
    if error.filename is not None:
        other = next((attempt for call, attempt in NOT_WRITES.items() if call in line), Attempt.WRITE)
        return Attempt.READ if error.errno == errno.EACCES else other
    forks = module in PROCESS_MODULES or any(name in line for name in FORKS)
    return Attempt.PROCESS if forks else Attempt.OTHER
