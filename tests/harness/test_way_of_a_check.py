"""The files that run between a check's docstring and its verdict are those that docs/architecture.md names."""

import re
import sys
from pathlib import Path

import pytest

from grader.checks.choice import Selection
from grader.grading import run

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/architecture.md").read_text()
WAY = TEXT[TEXT.index("## The way of one check") : TEXT.index("## The way of one submission")]
MOST_FILES = 10  # the check's own among them
FIRST, LAST = ("plugin.py", "pytest_pyfunc_call"), ("judge.py", "accept")


@pytest.fixture(autouse=True)
def _no_finders_of_other_tests(monkeypatch):
    """Keep the finders that workers in this process have left from being asked about each import."""
    others = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("grader.")]
    monkeypatch.setattr(sys, "meta_path", others)


def files_of(toy, **options) -> list[str]:
    """Return the engine's files in the order in which they run for one check, from its body to its verdict."""
    seen: list[str] = []
    under_way = False

    def note(frame, event, arg):
        nonlocal under_way
        file, function = Path(frame.f_code.co_filename), frame.f_code.co_name
        if event == "call" and file.is_relative_to(ROOT / "grader"):
            name = file.relative_to(ROOT / "grader").with_suffix("").as_posix()
            under_way = under_way or (file.name, function) == FIRST
            if under_way and name not in seen:
                seen.append(name)
            under_way = under_way and (file.name, function) != LAST

    selection = Selection(keyword="moments_mean", timing=False)
    sys.setprofile(note)
    try:
        record = run.grade_package(toy.manifest, toy.root / "solution", selection, zygotes=toy.zygotes, **options)
    finally:
        sys.setprofile(None)
    assert [check.outcome for check in record.checks] == ["passed"]
    return seen


def test_the_way_of_a_check_is_the_one_that_is_written_down(toy):
    in_one_process, with_workers = files_of(toy, debug=True), files_of(toy)
    named = set(re.findall(r"`((?:checks|sandbox|results)/[\w/]+)`", WAY))
    ran = {*in_one_process, *with_workers}
    assert sorted(ran - named) == []
    assert len(ran) + 1 <= MOST_FILES
    assert len(ran) + 1 == int(re.search(r"So (\d+) files run", WAY)[1])


def test_the_line_to_read_has_ten_files_in_their_order(toy):
    line = [re.findall(r"`((?:checks|sandbox|results)/[\w/]+)`", step) for step in re.findall(r"\n\d+\. (.*)", WAY)]
    assert [len(files) for files in line] == [1] * 10
    ran = files_of(toy, debug=True)
    stations = [file for (file,) in line if file in ran and file != "checks/plugin"]
    assert stations == sorted(stations, key=ran.index)
