"""The optional parts of the distribution: which module comes with which, and one sentence where it is missing."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from .errors import NotInstalled

DISTRIBUTION = "chainrule"
EXTRAS = {  # the modules that the engine imports, by the extra of pyproject.toml that installs them
    "notebooks": ("jupytext", "otter", "nbformat"),
    "pdf": ("pypdf", "pypandoc", "mdit_py_plugins", "typst", "fontTools", "PIL", "nbconvert", "traitlets"),
    "torch": ("torch",),
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
