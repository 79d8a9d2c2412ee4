"""The notebooks are what their sources make, run to the end with the reference, and stop at what is unwritten."""

import re
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from grader.notebooks import build
from grader.notebooks.checkfiles import CALL
from tests.harness.notebook_runs import DATA, runs

ROOT = Path(__file__).parents[2]
MANIFEST = manifests.load_manifest(ROOT / manifests.FILENAME)
QUICK_CPU_SECONDS = 90  # 54 on a slow day, 30 on others; the first run also draws the data set
NAMES = pytest.mark.parametrize("name", MANIFEST.notebooks)
SOONER = ("1_FullyConnectedNets", "5_PyTorch")  # tried with the stubs by default, the others with --slow
STOPPED = [n if n in SOONER else pytest.param(n, marks=pytest.mark.slow) for n in MANIFEST.notebooks]


def test_committed_files_are_the_generated_ones():
    assert [str(file.relative_to(ROOT)) for file in build.find_drift(MANIFEST)] == []


def test_each_check_stands_in_a_notebook():
    cells = [cell for name in MANIFEST.notebooks for cell in build.read_cells(MANIFEST, name)]
    used = [check for cell in cells for check in checks_of(cell)]
    assert set(used) == set(build.collect_check_files(MANIFEST))


@NAMES
def test_notebook_begins_as_all_do(name):
    cells = build.make_students_notebook(MANIFEST, name)["cells"]
    tags = [cell["metadata"].get("tags", []) for cell in cells[:4]]
    assert tags == [["pdf-title"], ["pdf-ignore"], ["parameters"], ["pdf-ignore"]]
    assert "quick = False" in [line.rstrip().partition("  #")[0] for line in cells[2]["source"].splitlines()]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder for the data sets, made at the first run for all quick ones."""
    folder = tmp_path_factory.mktemp("data") / DATA
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def quick_runs(data):
    """The instructor's notebooks with the reference, in quick mode; each test runs its own."""
    with runs(MANIFEST, data=data) as found:
        yield found


@pytest.fixture(scope="module")
def full_runs():
    """The same with the real experiments, on the data sets that are at hand."""
    with runs(MANIFEST, quick=False) as found:
        yield found


@pytest.fixture(scope="module")
def runs_of_stubs(data):
    """The student's notebooks with the package as students get it."""
    with runs(MANIFEST, package=MANIFEST.path("student"), students=True, data=data) as found:
        yield found


@NAMES
def test_the_reference_runs_it_quickly(quick_runs, name):
    expect_whole(quick_runs.run(name))
    assert quick_runs.cpu_seconds[name] < QUICK_CPU_SECONDS


@NAMES
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_reference_runs_it_in_full(full_runs, name):
    expect_whole(full_runs.run(name))


@pytest.mark.parametrize("name", STOPPED)
def test_stubs_stop_it_at_its_first_exercise(runs_of_stubs, name):
    if not any(checks_of(cell) or cell.metadata.get("exercise") for cell in build.read_cells(MANIFEST, name)):
        pytest.skip("it has no exercise")
    run = runs_of_stubs.run(name)
    assert run.kind == "NotImplementedError", run.error
    sentence = run.error.partition("NotImplementedError: ")[2]
    assert sentence in MANIFEST.functions() or sentence.startswith(f"{name}: ")
    assert all(re.fullmatch(r"\w+: not attempted; write .*", text) for text in run.failed_checks())


def expect_whole(run):
    """The notebook came to its end, and each of its checks passed."""
    assert run.error == ""
    assert run.failed_checks() == []
    assert not re.search(r"\d%\|", str(run.notebook.cells)), "a progress bar is left in a saved output"
    assert all(cell.execution_count for cell in run.notebook.cells if cell.cell_type == "code" and cell.source.strip())


def checks_of(cell) -> list[str]:
    return CALL.findall(cell.text) if cell.kind == "code" else []
