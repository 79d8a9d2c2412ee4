"""Google Colab: the first cell of each notebook installs what Colab lacks, replaces nothing, and `check` works then."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
from importlib import metadata
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rich.console import Console

from grader.results.terminal import StatusLine

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOT_NEEDED = {"jupyterlab", "nbclient"}  # Colab is the one, and runs what the other would
OLDER_IS_ENOUGH = {"ipywidgets", "jupytext", "wrapt"}  # otter asks for newer ones than it uses


def read_pins(file: Path) -> dict[str, str]:
    """The versions in a list of pins, by canonical name."""
    lines = [line for line in file.read_text().splitlines() if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


COLAB = read_pins(Path(__file__).with_name("colab_2026_01.txt"))
INSTALLED = read_pins(ROOT / "colab.txt")


def first_cell(notebook: Path) -> str:
    """The first code of a notebook."""
    cells = json.loads(notebook.read_text())["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_nothing_of_colabs_is_replaced():
    assert INSTALLED and not INSTALLED.keys() & COLAB.keys()


def test_the_versions_are_the_tested_ones():
    tested = read_pins(ROOT / "constraints.txt")
    assert {name: tested[name] for name in INSTALLED} == INSTALLED


def test_nothing_that_the_course_imports_is_missing_then():
    """What the engine declares, and what the installed packages ask for in turn, is Colab's or in the list."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    here = {"extra": "", "python_version": "3.12"}
    extras = [project["optional-dependencies"][extra] for extra in ("notebooks", "pdf", "torch")]
    asked = [Requirement(text) for text in sum(extras, project["dependencies"])]
    asked += [Requirement(text) for name in INSTALLED for text in metadata.requires(name) or []]
    there = COLAB | INSTALLED
    needed = [
        r for r in asked if canonicalize_name(r.name) not in NOT_NEEDED and (not r.marker or r.marker.evaluate(here))
    ]
    missing = {canonicalize_name(wanted.name) for wanted in needed} - there.keys()
    assert not missing, "add what pip-freeze.txt has of these to the excerpt, and the others to colab.txt"
    misfits = {r.name for r in needed if not r.specifier.contains(there[canonicalize_name(r.name)], prereleases=True)}
    assert misfits == OLDER_IS_ENOUGH


def test_every_notebook_begins_with_the_same_cell():
    assert len({first_cell(notebook) for notebook in NOTEBOOKS}) == 1


@pytest.fixture
def colab(toy, tmp_path, monkeypatch):
    """A machine like Colab's with the toy course in Drive; returns what runs a cell, and the commands it gave."""
    project = tmp_path / "drive/MyDrive/chainrule"
    mounted, commands = [], []

    def mount(place):
        mounted.append(place)
        shutil.copytree(toy.root, project)
        shutil.copy(ROOT / "colab.txt", project)

    google, inside, drive = (types.ModuleType(name) for name in ("google", "google.colab", "google.colab.drive"))
    google.colab, inside.drive, drive.mount = inside, drive, mount
    for module in (google, inside, drive):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "imp", raising=False)
    monkeypatch.chdir(tmp_path)
    shell = types.SimpleNamespace(system=commands.append)

    def run(cell: str) -> None:
        code = TransformerManager().transform_cell(cell).replace("/content/drive", str(tmp_path / "drive"))
        exec(code, {"get_ipython": lambda: shell})

    yield run, commands, mounted, project
    sys.modules.pop("imp", None)


def test_check_works_in_colab(colab):
    run, commands, mounted, project = colab
    run(first_cell(NOTEBOOKS[0]))
    assert mounted == [str(project.parents[1])]
    assert Path.cwd() == project
    assert commands == ["pip install --quiet --no-deps -r colab.txt"] and Path("colab.txt").is_file()
    checked = subprocess.run(
        [sys.executable, "-m", "grader", "check", "-q", "Q1"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert checked.returncode == 1 and re.search(r"Total: 0 of 3 points", checked.stdout), checked.stderr


def test_autoreload_finds_what_python_no_longer_has(colab):
    """Colab's IPython 7.34 takes `reload` from `imp`, which Python 3.12 has not."""
    colab[0](first_cell(NOTEBOOKS[0]))
    import importlib
    from imp import reload

    assert reload is importlib.reload


def test_elsewhere_the_cell_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(TransformerManager().transform_cell(first_cell(NOTEBOOKS[0])), {})
    assert Path.cwd() == tmp_path


def test_a_command_in_a_cell_shows_no_line_of_progress(monkeypatch):
    """A cell's `!` gives a command a terminal, and keeps what the terminal would take back."""
    shown = io.StringIO()
    for name in ("JPY_PARENT_PID", "elsewhere"):
        monkeypatch.delenv("JPY_PARENT_PID", raising=False)
        monkeypatch.setenv(name, "1")
        with StatusLine(Console(file=shown, force_terminal=True)) as line:
            line.step("making the zip")
        assert bool(shown.getvalue()) is (name == "elsewhere")
