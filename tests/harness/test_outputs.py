"""No command writes over what it reads, over a notebook, or over a file of another kind; each says so in a sentence."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from grader.errors import OutputError
from grader.files import MARKDOWN_REPORT, PDF, REPORT, ZIP, claim
from grader.pdf.convert import PdfRequest
from grader.submit import submit
from tests.harness.student_work import finished, save
from tests.harness.test_submission import GOOD, pack

COMMANDS = {
    "pdf": ["pdf", "OUT", "notebooks/Rectangles.ipynb"],
    "check": ["check", "--no-timing", "--json", "OUT"],
    "grade": ["grade", "student", "--out", "OUT"],
    "grade to Markdown": ["grade", "student", "--format", "markdown", "--out", "OUT"],
    "demo": ["demo", "--out", "OUT"],
    "autograder": ["autograder", "--out", "OUT"],
    "release": ["release", "--out", "OUT"],
}
WRONG = {
    "a notebook": ("notebooks/Rectangles.ipynb", "notebook"),
    "a text": ("thesis.txt", "is there already and is no"),
    "a text of the right name": ("thesis.zip", "is there already and is no zip; move it away, or give another name"),
    "another JSON": ("settings.json", "is there already and is no"),
    "a folder": ("student", "is a folder; name a file in it"),
    "a link to a text": ("link", "is there already"),
}


@pytest.fixture
def course(toy):
    save(toy, finished(toy))
    toy.write("thesis.txt", "years of work")
    toy.write("thesis.zip", "years of work")
    toy.write("settings.json", '{"a": 1}')
    (toy.root / "link").symlink_to("thesis.txt")
    return toy


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("out, words", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("words_of", COMMANDS.values(), ids=COMMANDS)
def test_nothing_is_destroyed(course, command, words_of, out, words):
    if words_of[0] == "release" and not out.endswith(".zip"):
        words = "is there already; remove it first" if out != "release" else words
    if words_of[0] != "autograder" and "no zip" in words and words_of[0] not in ("demo", "release"):
        words = "is there already and is no"
    before = contents(course.root)
    status, _, err = command(*[out if word == "OUT" else word for word in words_of])
    assert status == 2
    assert err.startswith("cannot run: ")
    assert err.count("\n") == 1 and out in err and words in err
    assert contents(course.root) == before


def test_output_that_is_an_input(course, command):
    pack(course.root / "submission.zip", GOOD)
    before = contents(course.root)
    status, _, err = command("grade", "submission.zip", "--out", "./submission.zip")
    assert (status, "./submission.zip" in err or "submission.zip is what this command reads" in err) == (2, True)
    status, _, err = command("demo", "--out", "demo.json")
    assert (status, "demo.json is what this command reads, and would be lost" in err) == (2, True)
    assert contents(course.root) == before


def test_pdf_is_never_written_over_a_notebook_that_is_to_be(course, command):
    status, _, err = command("pdf", "New.ipynb")
    assert (status, "New.ipynb would be a notebook, and what is written is a PDF" in err) == (2, True)
    assert not (course.root / "New.ipynb").exists()


def test_reports_are_written_over_reports(course, command):
    for form in ("gradescope", "record", "markdown"):
        for _ in range(2):
            words = ["grade", "student", "--format", form, "--out", f"report.{form}", "--secret-seeds", "0"]
            assert command(*words)[0] == 0
    for name in ("report.gradescope", "report.record"):
        assert command("check", "--no-timing", "--json", name)[0] == 1
    status, _, err = command("check", "--no-timing", "--json", "report.markdown")
    assert (status, "report.markdown is there already and is no report of the grader's" in err) == (2, True)


def test_zip_is_written_over_a_zip(course, command):
    for _ in range(2):
        assert command("autograder", "--out", "autograder.zip")[0] == 0
    (course.root / "empty.zip").touch()
    assert command("autograder", "--out", "empty.zip")[0] == 0


def test_submit_writes_over_its_own_kind_only(course, monkeypatch):
    wishes = PdfRequest([])
    for name in ("code_submission.zip", "inline_submission.pdf"):
        course.write(name, "years of work")
        before = contents(course.root)
        with pytest.raises(OutputError, match=f"{name} is there already and is no"):
            submit.make_submission(course.manifest, wishes)
        assert contents(course.root) == before
        (course.root / name).unlink()


def test_instructors_notebooks_that_were_edited_stay(course, command, tmp_path):
    folder = str(tmp_path / "for-me")
    assert command("notebooks", "--instructor", folder)[0] == 0
    assert command("notebooks", "--instructor", folder)[0] == 0
    file = tmp_path / "for-me/Rectangles.ipynb"
    notebook = json.loads(file.read_text())
    notebook["cells"][0]["source"] = ["mine"]
    file.write_text(json.dumps(notebook))
    status, _, err = command("notebooks", "--instructor", folder)
    assert (status, "is no notebook as it was made, unedited; move it away" in err) == (2, True)
    assert json.loads(file.read_text()) == notebook
    status, _, err = command("notebooks", "--instructor", str(course.root / "thesis.txt"))
    assert (status, "thesis.txt is no folder; give another place" in err) == (2, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_no_outputs(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OutputError, match="it is no regular file"):
            claim(out, PDF)


def test_kinds_are_told_by_their_content(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w"):
        pass
    (tmp_path / "b").write_bytes(b"%PDF-1.7\n")
    (tmp_path / "c").write_text('{"score": 1, "output": "", "tests": []}')
    (tmp_path / "d").write_text("# A course\n\nx.zip: **1.5 of 8 points**\n")
    kinds = dict(zip("abcd", (ZIP, PDF, REPORT, MARKDOWN_REPORT)))
    for name, kind in kinds.items():
        for other in kinds.values():
            if other == kind:
                assert claim(tmp_path / name, other) == tmp_path / name
            else:
                with pytest.raises(OutputError, match="is there already and is no"):
                    claim(tmp_path / name, other)
    assert claim(tmp_path / "new", PDF) == tmp_path / "new"
    (tmp_path / "d").write_text("# A course\n\nx.zip: **1.5 of 8 points, 0.5 held**\n")
    assert claim(tmp_path / "d", MARKDOWN_REPORT) == tmp_path / "d"
