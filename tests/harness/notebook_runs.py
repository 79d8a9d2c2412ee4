"""Runs the notebooks with the reference in the student's place: `python -m tests.harness.notebook_runs [NAMES]`."""

import argparse
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from grader.course import manifest as manifests
from grader.course.manifest import Manifest
from grader.errors import ChainruleError
from grader.notebooks import build
from grader.sandbox.parent.zygote_pool import THREADS
from tests.harness.notebook_execution import Run, Settings, copy_course, execute

ROOT = Path(__file__).parents[2]
DATA, ASSETS = "datasets", "assets"
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in THREADS}  # others run beside it


class Runs:
    """Runs in one copy of a course, each notebook once; one that makes the submission comes after those handed in."""

    def __init__(self, manifest: Manifest, root: Path, quick: bool, students: bool) -> None:
        self.manifest, self.done, self._root = manifest, {}, root
        self.cpu_seconds: dict[str, float] = {}
        self._settings = Settings({"quick": quick}, environment=ONE_THREAD)
        self._make = build.make_students_notebook if students else build.make_instructors_notebook

    def run(self, name: str) -> Run:
        """The notebook, run now or before; where it was run, the copy holds it with its outputs."""
        if name not in self.done:
            for other in self.manifest.collected_notebooks() if name in self.manifest.submit.left_out else ():
                self.run(other)
            folder = self._root / self.manifest.paths.notebooks
            before = measure_cpu()
            self.done[name] = execute(name, self._make(self.manifest, name), self._root, folder, self._settings)
            self.cpu_seconds[name] = measure_cpu() - before
            nbformat.write(self.done[name].notebook, folder / f"{name}.ipynb")
        return self.done[name]


def measure_cpu() -> float:
    """The CPU seconds of all processes that were started here and have ended, kernels and their checks among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def runs(
    manifest: Manifest,
    quick: bool = True,
    package: Path | None = None,
    students: bool = False,
    data: Path | None = None,
) -> Iterator[Runs]:
    """Runs, with the reference or another package, of the instructor's or the student's notebooks.

    `data` is the folder of the data sets, by default the reference's.
    """
    reference = manifest.path("reference")
    with copy_course(manifest, package or reference, [data or reference / DATA], [ASSETS]) as root:
        yield Runs(manifest, root, quick, students)


def show(run: Run, cpu_seconds: float) -> bool:
    """Prints a line for the table, and one for each further problem; returns whether there was none."""
    problems = [run.error] * bool(run.error) + run.failed_checks()
    measured = f"{run.seconds:>9.1f}{cpu_seconds:>9.1f}{run.memory_mb:>8.0f} MB"
    print(f"{run.name:<24}{measured}  {problems[0] if problems else 'passed'}")
    print("".join(f"    {problem}\n" for problem in problems[1:]), end="", flush=True)
    return not problems


def main() -> int:
    """Runs the named notebooks, or all, one after the other, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which notebooks; all by default")
    parser.add_argument("--full", action="store_true", help="the real experiments, not the quick ones")
    parser.add_argument("--stubs", action="store_true", help="the student's notebooks with the package student/")
    parser.add_argument("--out", type=Path, help="a folder for the executed notebooks")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that kernels and copies go too
    manifest, right = manifests.load_manifest(ROOT / manifests.FILENAME), True
    package = manifest.path("student") if options.stubs else None
    print(f"{'notebook':<24}{'seconds':>9}{'CPU':>9}{'memory':>11}  result", flush=True)
    with runs(manifest, not options.full, package, options.stubs) as course_runs:
        for name in options.names or manifest.notebooks:
            try:
                run = course_runs.run(name)
            except ChainruleError as error:
                print(f"{name:<24}{'':>29}  {error}", flush=True)
                right = False
                continue
            right = show(run, course_runs.cpu_seconds[name]) and right
            if options.out:
                options.out.mkdir(parents=True, exist_ok=True)
                nbformat.write(run.notebook, options.out / f"{name}.ipynb")
        seconds, cpu = sum(run.seconds for run in course_runs.done.values()), sum(course_runs.cpu_seconds.values())
        print(f"{'all':<24}{seconds:>9.1f}{cpu:>9.1f}")
    return not right


if __name__ == "__main__":
    sys.exit(main())
