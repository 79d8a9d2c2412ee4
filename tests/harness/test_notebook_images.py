"""The pictures of the notebooks: each is drawn by images/draw.py, and each is shown somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PICTURES = sorted((NOTEBOOKS / "images").glob("*.png"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with the pictures as images/draw.py draws them now."""
    folder = tmp_path_factory.mktemp("images")
    subprocess.run([sys.executable, NOTEBOOKS / "images" / "draw.py", folder], check=True, timeout=600)
    return folder


def test_the_script_draws_every_picture(drawn):
    """There is no picture that draw.py doesn't draw, and none of its pictures is missing"""
    assert sorted(path.name for path in drawn.iterdir()) == [path.name for path in PICTURES]


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_as_it_is_drawn(drawn, path):
    """A committed picture looks like the one that draw.py draws; other versions of a font may move an edge"""
    committed, fresh = (np.asarray(Image.open(file).convert("L"), dtype=float) for file in (path, drawn / path.name))
    assert committed.shape == fresh.shape
    assert np.abs(committed - fresh).mean() < 1


def test_every_picture_is_shown_in_a_notebook():
    """The sources name exactly the pictures that are there"""
    sources = "".join(path.read_text(encoding="utf-8") for path in (NOTEBOOKS / "source").glob("*.py"))
    named = {name for line in sources.splitlines() if "images" in line for name in re.findall(r"\w+\.png", line)}
    assert named == {path.name for path in PICTURES}


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_small(path):
    """A picture takes at most 60 kB of each executed notebook that shows it"""
    assert path.stat().st_size < 60_000
