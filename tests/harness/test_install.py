"""Setting up: what it says first about size, time and the small PyTorch, and what it has pip do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader import install

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ["notebooks", "pdf", "torch", "class", "dev"]
CUDA = """\
Most of it is PyTorch: pip's default on Linux is the build for graphics cards. The small one does for this course: \
590 MB in all. To take it, press Ctrl-C, then
    {}
ADDRESS stands on https://pytorch.org/get-started/locally: choose Stable, Linux, Pip, Python, CPU; the command shown \
there ends with it, after --index-url."""


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A copy of what setting up reads, in a folder without an environment, where pip knows of no other place."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("MAKELEVEL", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    install.read_settings.cache_clear()
    yield tmp_path
    install.read_settings.cache_clear()


def announce(flags=(), extras=EXTRAS):
    return "\n".join(install.announce(install.read_names(list(extras)), list(flags)))


@pytest.mark.parametrize(
    "make, again",
    [("1", 'make setup PIP_FLAGS="--extra-index-url ADDRESS"'), ("", "{} -m grader.install --extra-index-url ADDRESS")],
)
def test_on_linux_it_says_first_how_to_have_the_small_pytorch(fresh, monkeypatch, make, again):
    if make:
        monkeypatch.setenv("MAKELEVEL", make)
    first, rest = announce().split("\n", 1)
    assert "about 3.4 GB to download, 6.7 GB on disk, 16 minutes or so" in first
    assert rest == CUDA.format(again.format(Path(sys.executable).name))


@pytest.mark.parametrize(
    "system, flags, size",
    [
        ("linux", ["--extra-index-url", "ADDRESS"], "590 MB to download, 1.8 GB on disk, 4 minutes"),
        ("linux", ["--find-links=wheels"], "590 MB to download"),
        ("darwin", [], "500 MB to download, 1.5 GB on disk"),
        ("win32", [], "510 MB to download, 1.5 GB on disk"),
    ],
)
def test_where_the_small_one_comes_anyway_it_says_one_line(fresh, monkeypatch, system, flags, size):
    monkeypatch.setattr(sys, "platform", system)
    assert "\n" not in announce(flags)
    assert size in announce(flags)


@pytest.mark.parametrize("name", ["PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"])
def test_an_address_in_pips_own_settings_counts(fresh, monkeypatch, name):
    settings = fresh / "pip.conf"
    settings.write_text("[global]\nextra-index-url = ADDRESS\n")
    monkeypatch.setenv(name, str(settings))
    assert "590 MB" in announce() and "\n" not in announce()


def test_a_course_of_numpy_needs_little(fresh):
    assert "about 40 MB to download, 120 MB on disk, 2 minutes or so" in announce(extras=[])


def test_an_environment_that_is_there_is_brought_up_to_date(fresh):
    (fresh / ".venv").mkdir()
    (fresh / ".venv/.ready").touch()
    assert announce() == "This brings .venv up to date with constraints.txt; only what changed is downloaded."


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_these_pythons_will_do(version):
    assert install.refuse_python(version) == ""


@pytest.mark.parametrize(
    "version, make, system, example",
    [
        ((3, 10), "1", "linux", "make setup PYTHON=python3.12"),
        ((3, 14), "", "linux", "python3.12 -m grader.install"),
        ((3, 9), "", "win32", "py -3.12 -m grader.install"),
    ],
)
def test_others_are_refused_before_anything_is_made(fresh, capsys, monkeypatch, version, make, system, example):
    if make:
        monkeypatch.setenv("MAKELEVEL", make)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as ended:
        install.main()
    said = f"Python 3.11 to 3.13 is needed, this is 3.{version[1]}; choose one: {example}\n"
    assert (ended.value.code, *capsys.readouterr()) == (2, "", said)
    assert not (fresh / ".venv").exists()


@pytest.mark.parametrize("worked", [True, False])
def test_it_says_what_it_does_first_and_what_to_type_last(fresh, capsys, monkeypatch, worked):
    started = []
    monkeypatch.setattr(sys, "argv", ["install", "--extras=torch", "--no-deps"])

    def run(words, **_):
        if "config" in words:
            return subprocess.CompletedProcess(words, 0, stdout="")
        started.append([str(word) for word in words])
        return subprocess.CompletedProcess(words, 0 if worked or len(started) == 1 else 1)

    monkeypatch.setattr(subprocess, "run", run)
    (fresh / ".venv").mkdir()
    if worked:
        install.main()
    else:
        with pytest.raises(SystemExit, match="2"):
            install.main()
    venv, pip = started
    assert venv == [sys.executable, "-m", "venv", ".venv"]
    assert pip[1:5] == ["-m", "pip", "install", "--disable-pip-version-check"]
    assert pip[5:] == ["--no-deps", "--constraint", "constraints.txt", "--editable", ".[torch]"]
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("This makes .venv with Python 3.")
    ready = "The environment is ready in .venv. Next: source .venv/bin/activate, then python -m grader check"
    assert (last == ready) is (fresh / ".venv/.ready").is_file() is worked


def test_whoever_stops_it_still_sees_the_command(fresh, capfd, monkeypatch):
    """What venv says of Ctrl-C is long, and the line to type stands above it."""
    broken = fresh / "python"
    broken.write_text("#!/bin/sh\n[ $2 = pip ] || { echo Traceback >&2; kill -INT $PPID; sleep 5; }\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    monkeypatch.setattr(sys, "argv", ["install", "--extras=torch"])
    with pytest.raises(SystemExit, match="2"):
        install.main()
    out, err = capfd.readouterr()
    assert "--extra-index-url ADDRESS" in out and err == "\nstopped; the same command goes on with what is there\n"
    assert not (fresh / ".venv/.ready").exists()


@pytest.mark.parametrize("file", ["Makefile", "grader/release/templates/student/Makefile"])
def test_make_does_nothing_of_its_own(file):
    (recipe,) = [line for line in (ROOT / file).read_text().splitlines() if "grader.install" in line]
    extras = f" --extras={','.join(EXTRAS)}" if file == "Makefile" else ""
    assert recipe == f"\t@$(PYTHON) -m grader.install{extras} $(PIP_FLAGS)"


GUIDE = (ROOT / "docs/student-guide.md").read_text()


def test_the_guide_has_each_command_of_make_without_it():
    makefile = (ROOT / "grader/release/templates/student/Makefile").read_text()
    targets = set(re.findall(r"^(?:@\+)?([a-z]+):.*## ", makefile, re.M)) - {"help"}
    _, _, table = GUIDE.partition("### Without make")
    table, _, _ = table.partition("###")
    assert set(re.findall(r"`make ([a-z]+)", table)) == targets
    assert "py -3.12 -m grader.install" in table and "`jupyter lab notebooks`" in table


def test_the_guide_and_setup_show_the_same_way_to_the_small_pytorch(fresh):
    _, _, section = GUIDE.partition("### PyTorch's small build")
    (page,) = re.findall(r"https://\S+(?=\.\n)", section)
    choices = re.search(r"Choose ((?:\*\w+\*, )+\*CPU\*)", section)[1].replace("*", "")
    assert page in announce() and f"choose {choices};" in announce()
    assert 'make setup PIP_FLAGS="--extra-index-url ADDRESS"' in section


def test_setup_and_guide_name_no_registry():
    files = ("grader/install.py", "docs/student-guide.md", "README.md", "constraints.txt", "colab.txt", "Makefile")
    for file in files:
        hosts = set(re.findall(r"https?://([\w.-]+)", (ROOT / file).read_text()))
        assert hosts <= {"pytorch.org", "colab.research.google.com"}, file
