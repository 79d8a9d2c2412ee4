"""Handing in: two good files or none, with the reason; what is in the zip, and that the grader takes it."""

import contextlib
import errno
import hashlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path

import pypdf
import pytest

from grader.errors import CourseError
from grader.files import pack_zip
from grader.grading.submission import grade_submission
from grader.submission.unpack import unpack_submission
from grader.submit import preflight, submit
from tests.harness.student_work import cell, empty, finished, save

DONE = "### Done! Please submit code_submission.zip and inline_submission.pdf to Gradescope. ###"
RIGHT = "import numpy as np\n\ndef area(w, h):\n    return w * h\n\ndef moments(x):\n    return x.mean(0), x.var(0)\n"
FROM_BEFORE = {"code_submission.zip": "PK\x05\x06 before", "inline_submission.pdf": "%PDF- before"}
DATE = ["--date", "2026-01-31"]


@pytest.fixture
def done(toy):
    """The toy course with everything written, run and answered."""
    toy.write("student/shapes.py", RIGHT)
    toy.write("names.txt", "Ann\n")
    save(toy, finished(toy))
    return toy


def listing(course) -> set[str]:
    return {file.name for file in course.root.iterdir()}


def outputs(course) -> list[bytes]:
    return [(course.root / name).read_bytes() for name in ("code_submission.zip", "inline_submission.pdf")]


def note(course) -> dict:
    with zipfile.ZipFile(course.root / "code_submission.zip") as opened:
        return json.loads(opened.read("submission.json"))


@pytest.fixture
def paper(monkeypatch):
    """Makes a stand-in for the PDF, where a test is about something else."""
    from grader.pdf.convert import Result

    def make(manifest, out, notebooks, wishes):
        out.write_bytes(b"%PDF-")
        return Result(b"%PDF-", len(notebooks), [], [])

    monkeypatch.setattr(submit, "make", make)


def test_everything_right(done, command):
    before = listing(done)
    status, out, err = command("submit", *DATE)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == DONE
    assert listing(done) - before == {"code_submission.zip", "inline_submission.pdf"}
    assert "Preflight: nothing is missing." in out
    with zipfile.ZipFile(done.root / "code_submission.zip") as opened:
        names = opened.namelist()
        assert opened.testzip() is None
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for name in names:
            assert f"{name} " in out
            assert f"{opened.getinfo(name).file_size:,}" in out
    assert names == ["notebooks/Rectangles.ipynb", "student/__init__.py", "student/shapes.py", "submission.json"]
    pages = pypdf.PdfReader(io.BytesIO(outputs(done)[1])).pages
    assert "rows of unit squares" in "".join(page.extract_text() for page in pages)


def test_word_that_is_not_found_again_in_the_pdf_is_told_and_keeps_nothing_back(done, command, monkeypatch):
    from grader.pdf.convert import Result

    def make(manifest, out, notebooks, wishes):
        out.write_bytes(b"%PDF-")
        return Result(b"%PDF-", 1, [], ["Rectangles, cell 3: the word 'rows' is not in the PDF"])

    monkeypatch.setattr(submit, "make", make)
    status, out, _ = command("submit")
    assert (status, out.splitlines()[-1]) == (0, DONE)
    assert "the word 'rows' is not in the PDF; look at it there" in " ".join(out.split())


def test_the_same_work_makes_the_same_bytes(done, command):
    command("submit", *DATE)
    first = outputs(done)
    for file in done.root.rglob("*.py"):
        file.touch()
    assert command("submit", *DATE)[0] == 0
    assert outputs(done) == first


def test_the_zip_is_graded_in_full(done, command, paper, tmp_path):
    done.write("student/shapes.py", (done.root / "solution/shapes.py").read_text())
    assert command("submit")[0] == 0
    record = grade_submission(done.manifest, done.root / "code_submission.zip", tmp_path / "results.json", "record")
    assert (record.score, record.notes) == (8, [])


def test_note_says_what_is_in_the_zip_and_with_what_it_was_made(done, command, paper):
    command("submit")
    found = note(done)
    with zipfile.ZipFile(done.root / "code_submission.zip") as opened:
        for name, facts in found["files"].items():
            content = opened.read(name)
            assert facts == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        assert set(opened.namelist()) == {*found["files"], "submission.json"}
    assert (found["assignment"], found["anyway"], found["findings"]) == ("A course of two functions", False, [])
    assert {"python", "numpy", "chainrule"} <= set(found["versions"])


# --- what keeps a submission back ------------------------------------------------------------------------------------

BROKEN = {
    "a stub left": (lambda course: course.write("student/shapes.py", RIGHT + STUB), "not written: moments (line"),
    "not run": (lambda course: unrun(course), "was not run: none of its 5 code cells has a result"),
    "no module": (lambda course: (course.root / "student/shapes.py").unlink(), "student/shapes.py  error  is missing"),
    "no notebook": (
        lambda course: (course.root / "notebooks/Rectangles.ipynb").unlink(),
        "Rectangles.ipynb  error  is",
    ),
    "no import": (lambda course: course.write("student/shapes.py", "x = 1 / 0\n" + RIGHT), "ZeroDivisionError"),
}
STUB = '\ndef moments(x):\n    raise NotImplementedError("shapes.moments")\n'


def unrun(course):
    notebook = finished(course)
    for node in notebook["cells"]:
        node |= empty() if node["cell_type"] == "code" else {}
    save(course, notebook)


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_missing_is_named_and_old_files_stay(done, command, paper, case):
    for name in ("code_submission.zip", "inline_submission.pdf"):
        done.write(name, FROM_BEFORE[name])
    before, (breaks, sentence) = listing(done), BROKEN[case]
    breaks(done)
    status, out, err = command("submit")
    assert (status, err) == (1, "")
    assert sentence in out
    assert out.splitlines()[-1].startswith("Nothing was written. Fix the errors and run this again, or hand in what is")
    assert listing(done) == before
    assert outputs(done) == [text.encode() for text in FROM_BEFORE.values()]


@pytest.mark.parametrize("case", [case for case in BROKEN if case not in ("no module", "no notebook")])
def test_anyway_hands_in_what_is_there_and_notes_it(done, command, paper, case):
    breaks, sentence = BROKEN[case]
    breaks(done)
    status, out, err = command("submit", "--anyway")
    assert (status, err, out.splitlines()[-1]) == (0, "", DONE)
    found = note(done)
    assert found["anyway"]
    assert any(sentence in finding["message"] for finding in found["findings"])


def test_anyway_without_a_single_notebook_cannot_run(done, command):
    (done.root / "notebooks/Rectangles.ipynb").unlink()
    status, _, err = command("submit", "--anyway")
    assert (status, "Rectangles.ipynb is missing; put the notebook there" in err) == (2, True)
    assert not list(done.root.glob("*.zip"))


def test_anyway_without_a_module(done, command, paper):
    done.write("student/more.py", "")
    done.write("solution/weights.pt", "")
    done.replace("assignment.toml", 'required = ["shapes.py"]', 'required = ["shapes.py", "more.py", "weights.pt"]')
    status, out, _ = command("submit", "--anyway")
    assert status == 0
    assert "student/weights.pt" in out
    assert "student/more.py" in note(done)["files"]


def test_a_warning_does_not_keep_it_back(done, command, paper):
    notebook = finished(done)
    cell(notebook, "grader.check")["outputs"] = []
    save(done, notebook)
    status, out, _ = command("submit")
    assert (status, "Preflight: 1 warning." in out) == (0, True)
    assert [finding["level"] for finding in note(done)["findings"]] == ["warning"]


# --- the disk -------------------------------------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["zip", "pdf", "fsync"])
def test_full_disk(done, command, paper, monkeypatch, where):
    for name in ("code_submission.zip", "inline_submission.pdf"):
        done.write(name, FROM_BEFORE[name])
    before = listing(done)
    place = {"zip": (submit, "_write_zip"), "pdf": (submit, "make"), "fsync": (os, "fsync")}[where]
    monkeypatch.setattr(*place, full)
    status, out, err = command("submit")
    assert status == 2
    assert err == (
        "cannot run: the disk is full; nothing was changed, and files from before are as they were. "
        "Make room and run this again\n"
    )
    assert DONE not in out
    assert listing(done) == before
    assert outputs(done) == [text.encode() for text in FROM_BEFORE.values()]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("old", [True, False])
def test_both_files_are_put_in_place_or_neither(done, command, paper, monkeypatch, first, old):
    if old:
        for name in ("code_submission.zip", "inline_submission.pdf"):
            done.write(name, FROM_BEFORE[name])
    before, rename = listing(done), os.replace

    def locked(source, target):
        if Path(source).name == ("code_submission.zip" if first else "inline_submission.pdf"):
            raise PermissionError(errno.EACCES, "in use")
        rename(source, target)

    monkeypatch.setattr(os, "replace", locked)
    status, _, err = command("submit")
    assert (status, "in use" in err) == (2, True)
    assert listing(done) == before
    assert not old or outputs(done) == [text.encode() for text in FROM_BEFORE.values()]


# --- what goes into the zip -----------------------------------------------------------------------------------------


def test_only_what_belongs_to_the_work(done, command, paper):
    done.write("student/shapes.py", "from .helper import f\n" + RIGHT)
    done.write("student/helper.py", "def f():\n    pass\n")
    stray = ["student/unused.py", "student/env/lib/x.py", "student/__pycache__/shapes.py", "student/.venv/y.py"]
    stray += ["student/datasets/train.bin", "student/weights.npz", "notebooks/Other.ipynb", "report.pdf", "venv/z.py"]
    for name in [*stray, "student/env/pyvenv.cfg"]:
        done.write(name, "x = 1\n")
    done.write("student/long.log", "x" * 1_100_000)
    done.write("student/.secret", "mine")
    (done.root / "student/link.txt").symlink_to(done.root / "names.txt")
    status, out, _ = command("submit")
    assert status == 0
    assert sorted(note(done)["files"]) == [
        "notebooks/Rectangles.ipynb",
        "student/__init__.py",
        "student/datasets/train.bin",
        "student/helper.py",
        "student/shapes.py",
        "student/weights.npz",
    ]
    small = "beside modules only plain files of up to 1 MB are handed in, 40 files or 4 MB in all"
    flat = out.replace("\n", " ").partition("inline_submission.pdf:")[0]
    assert [line.strip() for line in flat.split("left out: ")[1:]] == [
        "student/unused.py; nothing that is handed in imports it",
        f"student/link.txt; {small}",
        f"student/long.log; {small}",
    ]


def test_name_of_what_is_left_out_stands_on_one_line(done, command, paper):
    done.write("student/a\nb.txt", "")
    assert "left out: student/a\\nb.txt; beside" in command("submit")[1]


def test_data_that_nobody_may_read_keeps_nothing_back(done, command, paper, monkeypatch):
    done.write("student/closed.txt", "")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "closed.txt")
    status, out, _ = command("submit")
    assert (status, "left out: student/closed.txt; " in out) == (0, True)


def test_data_that_a_module_reads_is_handed_in(done, command, paper, tmp_path):
    """What `check` finds beside a module, `submit` packs and `grade` finds there."""
    done.write(
        "student/shapes.py", "from pathlib import Path\nK = Path(__file__).with_name('k.txt').read_text()\n" + RIGHT
    )
    done.write("student/k.txt", "3")
    status, out, _ = command("submit")
    assert status == 0, out
    assert note(done)["files"]["student/k.txt"]["size"] == 1
    assert unpack_submission(done.root / "code_submission.zip", done.manifest, tmp_path).notes == []


def test_what_packs_too_well_is_not_taken_for_a_bomb(done, tmp_path):
    flat = b"#" * 3_000_000
    file = tmp_path / "a.zip"
    file.write_bytes(pack_zip({"student/shapes.py": RIGHT.encode() + flat}, method=zipfile.ZIP_DEFLATED))
    assert unpack_submission(file, done.manifest, tmp_path).notes == []
    small = pack_zip({"student/shapes.py": os.urandom(20_000).hex().encode()}, method=zipfile.ZIP_DEFLATED)
    assert len(small) < 30_000


def test_modules_are_imported_in_a_process_of_their_own(done, tmp_path, zygotes):
    code = "import os, sys\nsys.modules['planted'] = os\nos.environ['PLANTED'] = '1'\n" + RIGHT
    file = tmp_path / "a.zip"
    file.write_bytes(pack_zip({"student/shapes.py": code.encode()}))
    assert preflight.import_modules(done.manifest, file, zygotes) == []
    assert "planted" not in sys.modules
    assert "PLANTED" not in os.environ


@pytest.mark.parametrize(
    "code, reason",
    [
        (
            "import scipy\nscipy.signal\n",
            "shapes.py, line 2: scipy is not for this question (scipy.signal). Use the standard library",
        ),
        ("def f(:\n", "shapes.py, line 1: SyntaxError: "),
        ("from .gone import f\n", "shapes.py, line 1: there is no module gone in student/ (from .gone import f). "),
        ("import os\nos._exit(3)\n", "shapes.py: the process ended by itself with exit status 3 while shapes ran. "),
        ("while True: pass\n", "shapes.py, line 1: the import did not finish within 2 s (while True: pass). "),
        ("raise SystemExit\n", "shapes.py, line 1: the import ends the program (raise SystemExit). "),
    ],
)
def test_what_cannot_be_imported_is_told(done, tmp_path, zygotes, code, reason):
    file = tmp_path / "a.zip"
    file.write_bytes(pack_zip({"student/shapes.py": (code + RIGHT).encode()}))
    (found,) = preflight.import_modules(done.manifest, file, zygotes)
    assert (found.level, found.file) == ("error", "student/shapes.py")
    assert found.message.startswith(f"cannot be imported: {reason}")


def test_a_module_that_cannot_be_imported_is_told_once_and_not_for_what_imports_it(done, tmp_path, zygotes):
    done.replace("assignment.toml", '"shapes.moments"', '"shapes.moments", "nets.Net"')
    file = tmp_path / "a.zip"
    modules = {"student/shapes.py": b"1 / 0\n", "student/nets.py": b"from .shapes import area\n"}
    file.write_bytes(pack_zip(modules))
    found = preflight.import_modules(done.manifest, file, zygotes)
    assert [finding.file for finding in found] == ["student/shapes.py"]


def test_module_that_cannot_be_imported_is_told_beside_what_is_not_written(done):
    unwritten = RIGHT.replace("return w * h", 'raise NotImplementedError("shapes.area")')
    done.write("student/shapes.py", unwritten + "1 / 0\n")
    sentences = [found.message for found in submit.examine_submission(done.manifest)]
    assert len(sentences) == 2 and sentences[0].startswith("not written: area (line ")
    assert sentences[1].startswith("cannot be imported: shapes.py, line 8: ZeroDivisionError")


def test_what_cannot_be_imported_here_is_a_warning_beside_all_else(done):
    (done.root / "names.txt").unlink()
    done.replace("assignment.toml", 'slug = "moments"', 'slug = "moments"\nlibraries = ["numpy", "nowhere"]')
    named, shapes = submit.examine_submission(done.manifest)
    assert (named.file, shapes.level, shapes.file) == ("names.txt", "warning", "student/shapes.py")
    assert shapes.message == 'was not imported: code of Q2 needs nowhere: pip install "nowhere"'


def test_a_zip_that_the_grader_would_refuse(done, tmp_path, zygotes):
    file = tmp_path / "a.zip"
    file.write_bytes(pack_zip({"elsewhere/shapes.py": b""}))
    (found,) = preflight.import_modules(done.manifest, file, zygotes)
    assert found.message.startswith("there is no folder student/ or mywork/ in it")


@pytest.mark.parametrize(
    "table, problem",
    [
        ('zip = "a/b.zip"', r"submit.zip: 'a/b.zip'; give a file name that ends with .zip"),
        ('pdf = "b.txt"', r"submit.pdf: 'b.txt'; give a file name that ends with .pdf"),
        ('left_out = ["Nobody"]', r"submit.left_out: there is no notebook 'Nobody'; fix the name"),
        ("large_megabytes = 0", r"submit.large_megabytes: expected `int` >= 1; give"),
    ],
)
def test_wrong_settings_are_told(toy, table, problem):
    toy.replace("assignment.toml", "[limits]", f"[submit]\n{table}\n[limits]")
    with pytest.raises(CourseError, match=problem):
        assert toy.manifest


def test_names_come_from_the_manifest(done, command, paper):
    done.replace("assignment.toml", "[limits]", '[submit]\nzip = "mine.zip"\npdf = "ours.pdf"\n[limits]')
    status, out, _ = command("submit")
    assert (status, out.splitlines()[-1]) == (
        0,
        DONE.replace("code_submission", "mine").replace("inline_submission", "ours"),
    )
    with contextlib.suppress(FileNotFoundError):
        assert (done.root / "mine.zip").stat().st_size > 0
    assert {"mine.zip", "ours.pdf"} <= listing(done)
