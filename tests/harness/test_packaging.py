"""The distribution: a core that checks and grades a course of NumPy, extras for the rest, and one sentence without."""

import ast
import contextlib
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from grader import __version__
from grader.errors import EXTRAS
from grader.release import engine
from grader.results.record import Outcome
from grader.sandbox.parent import zygote_pool
from grader.sandbox.parent.zygote_pool import ZygotePool

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]
DISTRIBUTIONS = {  # of modules that are called otherwise
    "yaml": "pyyaml",
    "PIL": "pillow",
    "fontTools": "fonttools",
    "otter": "otter-grader",
    "pypandoc": "pypandoc-binary",
}
APART = {"pygments", "markdown_it"}  # rich needs them
INDIRECT = {"traitlets": "nbconvert", "jupyter_client": "nbclient"}  # modules that always come with declared ones
# hides the extras' modules from the program, as if they were not installed
WITHOUT = (
    "import sys\n"
    f"hidden = {sorted({module for modules in EXTRAS.values() for module in modules})}\n"
    "class Hider:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.partition('.')[0] in hidden:\n"
    "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
    "sys.meta_path.insert(0, Hider())\n"
)
RUN = WITHOUT + "sys.argv = ['chainrule', *sys.argv[1:]]\nfrom grader.__main__ import run\nrun()\n"


def named(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def imported() -> dict[str, set[str]]:
    """The modules of other distributions that the engine imports, with the files that do."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / "grader").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(file.relative_to(ROOT).as_posix())
    return {name: files for name, files in found.items() if name not in {*sys.stdlib_module_names, "grader", "torch"}}


def run_without_extras(folder: Path, *words: str, code: str = RUN) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def test_every_import_is_declared_where_it_belongs():
    core = {named(requirement) for requirement in PROJECT["dependencies"]}
    for module, files in imported().items():
        name = canonicalize_name(INDIRECT.get(module, DISTRIBUTIONS.get(module, module)))
        extras = {extra for extra in OPTIONAL if name in map(named, OPTIONAL[extra])}
        if module in APART:
            continue
        told = {extra for extra, modules in EXTRAS.items() if module in modules}
        assert name in core or (told and told <= extras), (module, files)


def test_the_tested_set_pins_everything():
    engine.require_pins(
        [*PROJECT["dependencies"], *(name for extra in OPTIONAL.values() for name in extra)], ROOT / "constraints.txt"
    )


def test_every_module_but_two_loads_with_the_core_alone():
    apart = {"grader.otter_adapter": "otter", "grader.pdf.exporter": "nbconvert"}  # what other programs load
    names = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in (ROOT / "grader").rglob("*.py")
        if "__main__" not in file.name
    }
    code = WITHOUT + "import importlib\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    done = run_without_extras(ROOT, *sorted(names - apart.keys()), code=code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words, status, line",
    [
        (["check", "--student", "solution"], 0, "Total: 8 of 8 points"),
        (["grade", "solution", "--secret-seeds", "1"], 0, "Total: 8 of 8 points"),
        (["stubs", "--check"], 0, "nothing differs"),
        (["doctor"], None, "session"),
    ],
)
def test_a_course_of_numpy_needs_the_core_only(toy, words, status, line):
    done = run_without_extras(toy.root, *words)
    assert line in done.stdout, done.stderr
    assert status in (None, done.returncode)


def test_code_imports_from_its_libraries_where_the_engine_lies_among_them(toy, tmp_path, monkeypatch):
    # as where pip put the engine; the copy is there since no worker reads the file by which pip finds this checkout
    copy = tmp_path / "site-packages"
    shutil.copytree(ROOT / "grader", copy / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(zygote_pool, "ENGINE", Path(sysconfig.get_path("purelib")))
    monkeypatch.setattr(sys, "path", [str(copy), *sys.path])
    toy.replace("solution/shapes.py", "    areas_of", "    import numpy.ctypeslib  # noqa: F401\n\n    areas_of")
    with contextlib.closing(ZygotePool()) as zygotes:
        record = dataclasses.replace(toy, zygotes=zygotes).grade("solution", keyword="area")
    assert {check.outcome for check in record.checks} == {Outcome.PASSED}, record.checks[0].message


@pytest.mark.parametrize(
    "words, extra",
    [
        (["pdf", "a.pdf", "a.ipynb"], "pdf"),
        (["notebooks", "--check"], "notebooks"),
        (["release", "--out", "a.zip"], "notebooks"),
    ],
)
def test_a_missing_extra_is_one_clear_sentence(toy, words, extra):
    toy.write("a.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    done = run_without_extras(toy.root, *words)
    assert done.returncode == 2
    assert done.stderr == f'cannot run: this needs chainrule[{extra}]: pip install "chainrule[{extra}]"\n'


def test_a_notebook_without_the_extra_says_so(tmp_path):
    done = run_without_extras(tmp_path, code=WITHOUT + "from grader.otter_adapter import Checks\n")
    assert done.stderr.endswith('NotInstalled: this needs chainrule[notebooks]: pip install "chainrule[notebooks]"\n')


def test_a_missing_library_names_the_questions_that_need_it(toy, command):
    toy.replace(
        "assignment.toml", 'functions = ["shapes.moments"]', 'functions = ["shapes.moments"]\nlibraries = ["torch"]'
    )
    done = run_without_extras(toy.root, "check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'cannot run: code of Q2 needs chainrule[torch]: pip install "chainrule[torch]"\n'
    assert run_without_extras(toy.root, "check", "-q", "Q1", "--student", "solution").returncode == 0
    toy.replace("assignment.toml", 'libraries = ["torch"]', 'libraries = ["no_such_library"]')
    status, _, err = command("grade", "solution")
    assert (status, err) == (2, 'cannot run: code of Q2 needs no_such_library: pip install "no_such_library"\n')


def test_what_is_declared_is_the_same_from_pyproject_and_from_what_pip_noted(monkeypatch, tmp_path):
    """An installed engine makes the bundles that its source tree makes."""
    lines = [f"Requires-Dist: {name}" for name in PROJECT["dependencies"]]
    for extra, names in OPTIONAL.items():
        lines += [f"Provides-Extra: {extra}"]
        lines += [f'Requires-Dist: {named(n)}; extra == "{extra}"' for n in names]
    noted = tmp_path / "chainrule-1.dist-info"
    noted.mkdir()
    head = ["Metadata-Version: 2.4", "Name: chainrule", "Version: 1", f"Summary: {PROJECT['description']}"]
    head += [f"Requires-Python: {PROJECT['requires-python']}"]
    (noted / "METADATA").write_text("\n".join([*head, *lines, "", ""]))
    points = "\n".join(f"{name} = {value}" for name, value in PROJECT["scripts"].items())
    exporters = PROJECT["entry-points"]["nbconvert.exporters"]
    text = f"[console_scripts]\n{points}\n[nbconvert.exporters]\n"
    (noted / "entry_points.txt").write_text(text + "\n".join(f"{name} = {value}" for name, value in exporters.items()))
    from_source = engine.describe_engine()
    monkeypatch.setattr(engine, "ENGINE", tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    from_notes = engine.describe_engine()
    assert from_source["version"] == __version__
    assert {extra: list(map(named, names)) for extra, names in from_source.pop("optional-dependencies").items()} == {
        extra: list(map(named, names)) for extra, names in from_notes.pop("optional-dependencies").items()
    }
    assert from_notes == from_source


def test_version_and_program(tmp_path):
    program = "import sys; sys.argv[0] = '{}'; from grader.__main__ import run; run()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}

    def run(name: str, *words: str, **more: str) -> str:
        command = [sys.executable, "-c", program.format(name), *words]
        return subprocess.run(command, env=environment | more, cwd=tmp_path, capture_output=True, text=True).stdout

    assert run("/bin/chainrule", "--version") == f"chainrule {__version__}\n"
    assert "--install-completion" in run("/bin/chainrule", "--help")
    assert "completion" not in run("grader/__main__.py", "--help")
    asked = {"_CHAINRULE_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    assert run("/bin/chainrule", COMP_WORDS="chainrule do", **asked).split() == ["doctor"]


def test_a_shell_completes_the_questions_of_the_course(toy):
    program = "import sys; sys.argv[0] = 'chainrule'; from grader.__main__ import run; run()"
    asked = {"_CHAINRULE_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    typed = [("Q", toy.root, ["Q1", "Q2"]), ("Q2,", toy.root, ["Q2,Q1"]), ("Q", Path("/"), [])]
    for word, folder, ids in typed:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COMP_WORDS": f"chainrule check -q {word}"} | asked
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.stdout.split() == ids


def test_the_entry_point_is_there():
    module, name = PROJECT["scripts"]["chainrule"].split(":")
    assert re.fullmatch(r"grader(\.\w+)+", module)
    assert callable(getattr(__import__(module, fromlist=[name]), name))
