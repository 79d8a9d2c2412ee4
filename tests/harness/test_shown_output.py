"""The documents show what the commands print; `python -m tests.harness.shown_output` writes it there."""

import pytest

from tests.harness import shown_output
from tests.harness.shown_output import BLOCK, DOCUMENTS, PICTURE, ROOT

REMEDY = "run: python -m tests.harness.shown_output"


@pytest.fixture(scope="module")
def shown():
    return shown_output.outputs()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_show_what_commands_print(shown, name):
    text = (ROOT / name).read_text("utf-8")
    assert BLOCK.findall(text) and text.count("<!-- shown: ") == len(BLOCK.findall(text))
    assert text == shown_output.rewritten(text, shown), REMEDY


def test_every_output_stands_in_a_document(shown):
    used = {name for document in DOCUMENTS for _, name, _ in BLOCK.findall((ROOT / document).read_text("utf-8"))}
    assert used == set(shown)


def test_an_output_that_changes_is_noticed(shown):
    text = (ROOT / "README.md").read_text("utf-8")
    assert (
        shown_output.rewritten(text, shown | {"failure": shown["failure"].replace("right values", "other values")})
        != text
    )


def test_the_picture_is_what_check_prints():
    assert (ROOT / PICTURE).read_text("utf-8") == shown_output.picture(), REMEDY
