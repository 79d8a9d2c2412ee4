"""Says kindly that a library is not for this question; what really keeps it away is that no worker can read it."""

import importlib.abc
import sys


class OnlyTheseLibraries(importlib.abc.MetaPathFinder):
    """Refuses to import what is neither the standard library, nor the package, nor one of the question's libraries.

    What the libraries themselves import lazily is let through: they ask for it, not the student.
    """

    def __init__(self, package: str, libraries: list[str]) -> None:
        self._allowed = {package, *libraries, *sys.stdlib_module_names}
        self._libraries = libraries

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raises ImportError for a top-level module that is there but not allowed; finds nothing itself."""
        top = name.partition(".")[0]
        unwanted = path is None and top not in self._allowed and self._asked_by_student()
        if unwanted and any(finder.find_spec(name, None) for finder in sys.meta_path if finder is not self):
            these = " and ".join(["the standard library", *self._libraries])
            raise ImportError(f"{top} is not for this question; use {these}", name=name)

    def _asked_by_student(self) -> bool:
        frame = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        asker = "" if frame is None else str(frame.f_globals.get("__name__", ""))
        return asker.partition(".")[0] not in {*self._libraries, *sys.stdlib_module_names} - {"builtins"}
