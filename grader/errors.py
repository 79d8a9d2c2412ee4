"""Define the errors that end a command, and those from which a verdict is drawn; a room keeps its own to itself.

What is not installed belongs to an extra of the distribution, which the error names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from importlib.util import find_spec
from typing import TypeVar


class ChainruleError(Exception):
    """Report what a person can fix; the text is one sentence for them, and a command ends with status 2."""


class UsageError(ChainruleError):
    """An argument names what is not there, or is something else: a question, a function, a folder, a record."""


Known = TypeVar("Known")


def choose(kind: str, name: str, known: Mapping[str, Known]) -> Known:
    """Return the thing of that name. Raise UsageError naming those there are."""
    if name not in known:
        raise UsageError(f"there is no {kind} {name!r}; choose from {', '.join(known) or 'none'}")
    return known[name]


class NotInstalled(ChainruleError):
    """A command needs a package that is not installed; the text says how to install it."""


class CourseError(ChainruleError):
    """A file of the course is missing or wrong, or does not fit another, and its instructor can fix it."""


class CourseNotFound(CourseError):
    """No manifest lies in the folder or above it."""


class SubmissionError(ChainruleError):
    """The submission cannot be graded; the text says why and what to hand in instead."""


class OutputError(ChainruleError):
    """A file cannot be written where it was asked for, as a rule since it would overwrite something else."""


class PdfError(ChainruleError):
    """The PDF cannot be made."""


class ProgramMissing(PdfError):
    """A program or package that makes PDFs is not installed."""


class SandboxError(ChainruleError):
    """The sandbox itself cannot do its work; no student is to blame."""


class IsolationError(SandboxError):
    """This machine does not isolate student code well enough for an official run."""


# A check's verdict is drawn from the following, and `checks/messages` words it; no command ends with one of them.


class OutOfTime(Exception):
    """The time of the run is used up; checks that come now are not run."""


class NotScored(Exception):
    """A check cannot be scored without the reference; the text says why."""


class AnswerVaries(NotScored):
    """The reference is not here, and what it is asked depends on the student's answer."""


class Unrecorded(Exception):
    """The reference was asked for `target` with inputs that were not recorded; empty for a whole check."""

    def __init__(self, target: str = "") -> None:
        super().__init__(target)
        self.target = target


@dataclass
class StackFrame:
    """One line of student code on the way to an exception."""

    file: str
    line: int
    function: str
    text: str


UNWRITTEN = "NotImplementedError"  # what a stub raises


class Attempt(StrEnum):
    """An act that graded code cannot do, or that nobody should leave in it; the value is its word on the wire."""

    WRITE = "write"
    READ = "read"
    OPEN = "open"
    PROCESS = "process"
    THREAD = "thread"
    NETWORK = "network"
    FOLDER = "folder"
    HOME = "home"
    PROMPT = "prompt"
    EXIT = "exit"
    BREAKPOINT = "breakpoint"
    GPU = "gpu"
    OTHER = "other"


class Ending(Enum):
    """How a call ended without a reply; the value names the error's `fact`, where there is one."""

    LATE = "seconds until the deadline"
    HUNG_BEFORE = "not tried again"
    OUT_OF_CPU_TIME = "CPU seconds used up"
    KILLED = "too much memory, or CPU seconds used up"
    EXITED = "exit status"
    SIGNALLED = "signal"
    HUNG_UP = "connection closed"
    GARBLED = "why a reply cannot be read"
    GONE = "process ended earlier"


class WorkerError(Exception):
    """Something in the worker went wrong while `callee` ran; subclasses say what, as facts.

    A worker influences all of them but `asked`, the names by which the check itself came to what it asked for.
    """

    def __init__(self, callee: str, *facts: object, frames: list[StackFrame] | None = None, kind: str = "") -> None:
        super().__init__(callee, *facts)
        self.callee, self.frames, self.kind = callee, frames or [], kind
        self.trusted = False
        self.asked = ""


class WorkerRaised(WorkerError):
    """The code raised an exception of type `kind` with this text, since it tried what it cannot do if `attempt`.

    Where a name or a key is not there, `holder` is what lacks the key, and `near` a name that is there; `stands` is
    where the source has what the check asked for, if not in its place. `odd` is a variable of its last line whose class
    or dtype is an unusual one, with that; `shapes` are those of arrays in it.
    """

    def __init__(
        self,
        callee: str,
        text: str,
        frames: list[StackFrame] | None = None,
        kind: str = "",
        attempt: Attempt | None = None,
    ) -> None:
        super().__init__(callee, kind, text, frames=frames, kind=kind)
        self.text, self.attempt = text, attempt
        self.holder = self.near = self.stands = ""
        self.shapes = ""
        self.odd: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def put_off(self) -> bool:
        """Return whether the package's own line raised it, as a stub does; libraries raise it too."""
        return self.kind == UNWRITTEN and bool(self.frames) and UNWRITTEN in self.frames[-1].text

    @property
    def gone(self) -> bool:
        """Return whether what the check asked for is not there."""
        return self.kind == "AttributeError" and not self.frames


class WorkerEnded(WorkerError):
    """The call did not come back, and its worker is gone: `ending` says how, `fact` is a number or word about it."""

    def __init__(self, callee: str, ending: Ending, fact: float | str = "") -> None:
        super().__init__(callee, ending.name, fact)
        self.ending, self.fact = ending, fact

    def __str__(self) -> str:
        return f"{self.callee}: {self.ending.value} {self.fact}".rstrip()


class WorkerTimeout(WorkerEnded):
    """The code did not come back within its time."""


class WorkerCrashed(WorkerEnded):
    """The worker ended, or sent what is not a reply."""


DISTRIBUTION = "chainrule"
EXTRAS = {  # the modules that the engine imports, by the extra of pyproject.toml that installs them
    "notebooks": ("jupytext", "otter", "nbformat"),
    "pdf": ("pypdfium2", "pypandoc", "lxml", "mdit_py_plugins", "typst", "fontTools", "PIL", "nbconvert", "traitlets"),
    "torch": ("torch",),
    "class": ("yaml", "dask", "distributed", "jinja2", "copydetect"),
}


def explain_not_installed(name: str, who: str = "this") -> NotInstalled:
    """Return the error that says how to install an extra or a library, and who needs it."""
    what = f"{DISTRIBUTION}[{name}]" if name in EXTRAS else name
    return NotInstalled(f'{who} needs {what}: pip install "{what}"')


def require_libraries(users: Mapping[str, Iterable[str]]) -> None:
    """Raise NotInstalled for the first library that is missing; `users` are the questions that need each."""
    for library, questions in users.items():
        if not _is_installed(library):
            raise explain_not_installed(library, f"code of {' and '.join(questions)}")


def find_extra(module: str) -> str:
    """Return the extra that a module comes with; empty for any other module."""
    top = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), "")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
