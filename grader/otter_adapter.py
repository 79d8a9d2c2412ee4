"""Adapt the engine to Otter for notebooks: `grader = Checks()`, then `grader.check("q1_...")` below each exercise."""

import sys
from pathlib import Path

from .errors import CourseError, explain_not_installed

try:
    import otter
except ModuleNotFoundError:
    raise explain_not_installed("notebooks") from None
from otter.test_files import GradingResults, TestCase, TestFile
from otter.test_files.abstract_test import TestCaseResult
from otter.test_files.exception_test import ExceptionTestFile

from .course import manifest as manifests
from .notebooks.checkfiles import HEADER, Judgement, NotPassed, render_html, render_text, suggest
from .results.record import sum_points


class CellResult(ExceptionTestFile):  # type: ignore[misc]  # otter comes without types
    """The result of a check, one case to Otter, shown in the engine's own words."""

    def __init__(self, judgement: Judgement) -> None:
        points = sum_points(check.points for check in judgement.checks)
        case = TestCase(judgement.name, None, False, points, None, None)
        super().__init__(judgement.name, "", [case])
        self.judgement = judgement
        self.test_case_results = [TestCaseResult(case, str(judgement), judgement.passed)]

    def summary(self, public_only: bool = False) -> str:
        """Return the result in plain lines."""
        return render_text(self.judgement)

    def _repr_html_(self) -> str:
        return render_html(self.judgement)


class Checks(otter.Notebook):  # type: ignore[misc]  # otter comes without types
    """An Otter notebook that finds the course's check files from any folder in it, and keeps no log."""

    def __init__(self) -> None:
        self._trouble = ""
        try:
            manifest = manifests.load_manifest(manifests.find_for_notebook(Path.cwd()))
            folder = manifest.path("notebooks") / "tests"
        except CourseError as error:
            self._trouble, folder = str(error), Path("tests")
        super().__init__(tests_dir=str(folder))

    def check(self, question: str, global_env: dict[str, object] | None = None) -> TestFile:
        """Run one check file and return its result, which a notebook shows; a wrong name is a result too.

        Leave a file written by hand to Otter; it judges the caller's globals unless others are given.
        """
        file = Path(self._tests_dir, f"{question}.py")
        if self._trouble or not file.is_file():
            names = [other.stem for other in Path(self._tests_dir).glob("*.py")]
            trouble = self._trouble or f"there is no check of that name; {suggest(question, names)}"
            return CellResult(Judgement(question, trouble=trouble))
        if not file.read_text(encoding="utf-8").startswith(HEADER):
            return super().check(question, sys._getframe(1).f_globals if global_env is None else global_env)
        try:
            return CellResult(ExceptionTestFile.from_file(str(file)).test_cases[0].body.test_func())
        except NotPassed as error:
            return CellResult(error.judgement)
        except Exception as error:  # of an engine that does not fit the file
            return CellResult(Judgement(question, trouble=f"{type(error).__name__}: {error}"))

    def check_all(self) -> GradingResults:
        """Run every check file, on the caller's globals where it is written by hand."""
        names = sorted(file.stem for file in Path(self._tests_dir).glob("*.py"))
        caller = sys._getframe(1).f_globals
        return GradingResults([self.check(name, caller) for name in names])

    def _log_event(self, *arguments: object, **details: object) -> None:
        """Keep no log, which Otter would write beside the notebook."""
