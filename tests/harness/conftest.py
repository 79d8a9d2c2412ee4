"""What the engine's tests share: courses in folders of their own, one set of zygotes, commands, the option --slow."""

import gc
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from grader import __main__ as commands
from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.course.manifest import Manifest
from grader.grading import run
from grader.results.record import CheckResult, Record
from grader.sandbox.parent.zygote_pool import ZygotePool

LONGEST = ["test_notebooks", "test_mistakes", "test_attacks", "test_trivial", "test_container", "test_slips_below"]
TOY = Path(__file__).with_name("toy")
collect_ignore = ["toy"]


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: runs only with --slow")
    folder = tempfile.TemporaryDirectory(prefix="hypothesis-")
    config.add_cleanup(folder.cleanup)
    set_hypothesis_home_dir(folder.name)  # its caches would lie in the current folder
    settings.register_profile("suite", deadline=None)
    settings.load_profile("suite")


def pytest_collection_modifyitems(config, items):
    """Skip the slow tests unless they are wanted, and begin with the files that take longest."""
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow; runs with --slow"))
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_collection_finish():
    """Keep what collecting has loaded out of later garbage collections: every run of checks makes one."""
    gc.collect()
    gc.freeze()


@dataclass
class Course:
    """A course in a folder of its own; its files may be changed between two runs."""

    root: Path
    zygotes: ZygotePool

    @property
    def manifest(self) -> Manifest:
        return manifests.load_manifest(self.root / manifests.FILENAME)

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the course."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def replace(self, name: str, old: str, new: str) -> None:
        """Replaces what stands exactly once in a file of the course."""
        text = (self.root / name).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def grade(
        self, package: str = "student", update=None, debug: bool = False, keep: bool = False, **selection
    ) -> Record:
        """Runs the course's checks on one of its folders."""
        options = {"update": update, "zygotes": self.zygotes, "debug": debug, "keep": keep}
        return run.grade_package(self.manifest, self.root / package, Selection(**selection), **options)

    def outcomes(self, package: str = "student", **selection) -> dict[str, CheckResult]:
        """The checks of a run by the last part of their ids."""
        return {check.id.rsplit("/", 1)[-1]: check for check in self.grade(package, **selection).checks}


@pytest.fixture(scope="session")
def zygotes():
    """The zygotes that all runs of this session share."""
    shared = ZygotePool()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def copy_of_toy(zygotes):
    """Makes a copy of the toy course in a folder."""

    def copy(folder: Path) -> Course:
        return Course(shutil.copytree(TOY, folder / "toy", ignore=shutil.ignore_patterns("__pycache__")), zygotes)

    return copy


@pytest.fixture
def toy(tmp_path, copy_of_toy) -> Course:
    """A copy of the toy course, to be changed at will."""
    return copy_of_toy(tmp_path)


@pytest.fixture
def command(toy, monkeypatch, capfd):
    """Runs a command in the toy course's folder and returns its exit status, stdout and stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(toy.root)
        monkeypatch.setattr(sys, "argv", ["grader", *words])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as ended:
            commands.run()
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return call
