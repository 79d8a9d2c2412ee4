"""docs/writing-a-check.md, followed to the letter, adds a function with its check."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "writing-a-check.md").read_text()
FOLDERS = ["grader", "reference", "student", "tests", "notebooks"]
STEP = re.compile(r"^## \d\. .*?(?=^## )", re.M | re.S)
BLOCK = re.compile(r"^```(?:python|toml)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"`((?:reference|tests|notebooks)/\S+?\.\w+)`")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course with what the document says written where it says."""
    root = tmp_path_factory.mktemp("course")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "datasets"))
    shutil.copy(ROOT / "assignment.toml", root)
    for step in STEP.findall(DOCUMENT):
        block, file = BLOCK.search(step)[1], FILE.search(step)
        if file:
            with (root / file[1]).open("a") as out:
                out.write("\n\n" + block)
        else:
            list_in_manifest(root / "assignment.toml", block)
    assert "written: student/layers.py" in run(root, "stubs")
    return root


def list_in_manifest(manifest: Path, block: str) -> None:
    """Puts the points and the function of the block into the question that had the points it names, and the total."""
    points, was, name = re.search(r"public_points = (\d+) +# was (\d+)\nfunctions = \[\n(.*)\n", block).groups()
    text = manifest.read_text()
    begin = text.index('id = "Q1"')
    question = text[begin:].replace(f"public_points = {was}\n", f"public_points = {points}\n", 1)
    question = question.replace("functions = [\n", f"functions = [\n{name}\n", 1)
    total = re.search(r"`(points = \d+)`", DOCUMENT)[1]
    manifest.write_text(re.sub(r"^points = \d+", total, text[:begin], flags=re.M) + question)


def run(root: Path, *words: str) -> str:
    """What a command prints in the course."""
    done = subprocess.run([sys.executable, "-m", "grader", *words], cwd=root, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_its_commands_show_what_it_says(course):
    said = re.findall(r'make (check|mistakes) ARGS="([^"]*leaky[^"]*)"', DOCUMENT)
    shown = ["Total: 0 of 1 points", "Total: 1 of 1 points", "leaky_relu_forgets_the_slope  as expected"]
    for (target, options), words in zip(said, shown, strict=True):
        assert words in run(course, target, *options.split())


def test_its_cell_gets_into_the_notebook_with_the_file_it_runs(course):
    said = run(course, "notebooks")
    assert "written: notebooks/1_FullyConnectedNets.ipynb" in said
    assert "written: notebooks/tests/q1_leaky_relu_forward.py" in said
    assert "q1_leaky_relu_forward" in (course / "notebooks" / "1_FullyConnectedNets.ipynb").read_text()
