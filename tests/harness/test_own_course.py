"""docs/own-course.md, followed to the letter, leads from an empty folder to a graded submission; and `new` itself."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from grader import files
from grader.course import manifest as manifests
from grader.course.manifest import Manifest
from grader.errors import OutputError, UsageError
from grader.release import bundle, engine
from tests.harness.test_container import build

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/own-course.md").read_text()
BLOCK = re.compile(r"((?:^[^\n]+\n)*)\n?^```(console|python|toml)\n(.*?)^```", re.M | re.S)
SAID = re.compile(r"(Add to|Replace|Change these lines of) `(\S+)`:\n\Z")


class Follower:
    """Whoever does what the document says, in a shell that begins in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, programs = folder, folder / "bin"
        programs.mkdir()
        program = programs / "chainrule"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grader "$@"\n')
        program.chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "ARGS")}
        self.environment = {**outer, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "150"}

    def type(self, console: str) -> None:
        """Type the commands of a block and look for the lines below each."""
        for part in console.split("$ ")[1:]:
            command, *lines = part.splitlines()
            if command.startswith("cd "):
                self.folder = (self.folder / command[3:]).resolve()
                continue
            options = {"cwd": self.folder, "env": self.environment, "capture_output": True, "text": True}
            done = subprocess.run(["sh", "-c", command], timeout=300, **options)
            assert "Traceback" not in done.stderr
            said = " ".join(f"{done.stdout}\n{done.stderr}".split())
            for line in lines:
                assert " ".join(line.split()) in said, f"{command}: {done.stdout}{done.stderr}"

    def write(self, what: str, name: str, block: str) -> None:
        """Do to a file what the document says."""
        file = self.folder / name
        assert file.is_file()
        if what == "Change these lines of":
            text = file.read_text()
            for line in block.splitlines():
                text, count = re.subn(rf"^{line.partition(' ')[0]} = .*$", line, text, flags=re.M)
                assert count == 1, line
            file.write_text(text)
        else:
            file.write_text((file.read_text() if what == "Add to" else "") + block)


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Path:
    """The folder of somebody who has read the document to its end."""
    folder = tmp_path_factory.mktemp("reader")
    reader = Follower(folder)
    for before, kind, block in BLOCK.findall(DOCUMENT):
        said = SAID.search(before)
        assert (kind == "console") == (said is None), before
        if said is None:
            reader.type(block)
        else:
            reader.write(*said.groups(), block)
    return folder


def test_every_block_of_the_document_is_followed(followed):
    assert len(BLOCK.findall(DOCUMENT)) == DOCUMENT.count("\n```") // 2 - 1  # all but how to install
    assert (followed / "linreg/results.json").is_file()


def test_its_students_install_no_more_than_the_course_needs(followed):
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    project = tomllib.loads((followed / "handout/pyproject.toml").read_text())["project"]
    assert sorted(project["dependencies"]) == sorted(core)
    for name in ("README.md", "Makefile"):
        text = (followed / "handout" / name).read_text()
        assert not re.search(r"^@[+-]|@[A-Z]+@|otebook|\.pdf", text, re.M)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a container's limits need Linux and root")
def test_its_autograder_grades_what_its_students_hand_in(followed):
    container = build(manifests.load_manifest(followed / "linreg/assignment.toml"))
    written = (followed / "handout/student/regression.py").read_text()
    assert container.run({"student/regression.py": written})["score"] == 4
    solution = (followed / "linreg/reference/regression.py").read_text()
    assert container.run({"student/regression.py": solution})["score"] == 5


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def new(tmp_path) -> Manifest:
    return bundle.write_course(tmp_path / "fresh")


def test_a_new_course_pins_what_it_was_made_with(new):
    pins = dict(line.split("==") for line in (new.root / "constraints.txt").read_text().splitlines()[1:])
    tested = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()[1:])
    assert {"numpy", "pytest", "typer", "pluggy"} <= set(pins)
    assert not {"torch", "jupyterlab", "ruff"} & set(pins)
    assert {name.lower() for name in pins} <= {name.lower().replace("_", "-") for name in tested}


def test_a_package_that_a_course_would_pin_but_is_missing_is_one_sentence(tmp_path, monkeypatch, command):
    def find(name: str) -> metadata.Distribution:
        if name == "watchfiles":
            raise metadata.PackageNotFoundError(name)
        return distribution(name)

    distribution = metadata.distribution
    monkeypatch.setattr(engine.metadata, "distribution", find)
    status, _, err = command("new", str(tmp_path / "linreg"))
    assert (status, err) == (2, 'cannot run: this needs watchfiles: pip install "watchfiles"\n')
    assert not (tmp_path / "linreg").exists()


def test_two_new_courses_are_the_same_and_leave_nothing_beside(tmp_path, new):
    other = bundle.write_course(tmp_path / "other")
    texts = [
        {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*") if f.is_file()}
        for root in (new.root, other.root)
    ]
    assert texts[0] == texts[1]
    assert {"Makefile", ".gitignore", "student/regression.py"} <= set(texts[0])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fresh", "other"]


@pytest.mark.parametrize("taken", ["a folder", "a file", "a dangling link"])
def test_what_is_there_already_stays(tmp_path, taken):
    out = tmp_path / "linreg"
    if taken == "a folder":
        out.mkdir()
        (out / "thesis.txt").write_text("years of work")
    elif taken == "a file":
        out.write_text("years of work")
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="linreg is there already; remove it first, or give another name"):
        bundle.write_course(out)
    assert [file.name for file in tmp_path.iterdir()] == ["linreg"]


def test_an_empty_folder_will_do_but_not_the_current_one(tmp_path, monkeypatch):
    (tmp_path / "linreg").mkdir()
    assert bundle.write_course(tmp_path / "linreg").points == 4
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError, match=r"\. is the current folder; give the name of a new one"):
        bundle.write_course(Path("."))


def test_nothing_half_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle.stubs, "write_stubs", lambda manifest: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space left"):
        bundle.write_course(tmp_path / "linreg")
    assert list(tmp_path.iterdir()) == []


def test_the_example_and_its_solution_stay_at_home(new, monkeypatch, tmp_path):
    files = bundle.collect_bundle(new)
    assert not [name for name in files if "templates/course" in name]
    monkeypatch.setattr(bundle, "EXAMPLE", tmp_path / "nowhere")
    with pytest.raises(UsageError, match="this copy of the engine holds no example course; install chainrule"):
        bundle.write_course(tmp_path / "other")


def test_a_new_folder_is_whole_or_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), files.new_folder(tmp_path / "a/b") as folder:
        (folder / "half").write_text("")
        raise KeyboardInterrupt
    assert list((tmp_path / "a").iterdir()) == []
