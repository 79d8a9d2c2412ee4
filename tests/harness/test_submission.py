"""Submissions of any honest form are found; others are refused with a reason and a report, and leave nothing behind."""

import errno
import json
import stat
import struct
import time
import warnings
import zipfile
from pathlib import Path

import pytest

from grader.errors import SubmissionError
from grader.grading.submission import grade_submission
from grader.limits import MEGABYTE
from grader.submission.unpack import unpack_submission

SHAPES = (Path(__file__).with_name("toy") / "solution/shapes.py").read_text()
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def pack(file: Path, entries: dict[str, str | bytes]) -> Path:
    """Writes a zip; a name may be a ZipInfo."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def lay(folder: Path, entries: dict[str, str | bytes]) -> Path:
    """Writes the same as a folder."""
    for name, content in entries.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def listing(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*")}


def bz2_bomb(file: Path) -> Path:
    """A zip whose one file says that it is small, and unpacks to much more before anyone can count."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("student/shapes.py", b" " * 3 * MEGABYTE)
    return file


FORMS = {
    "at the root": ({"student/shapes.py": SHAPES}, "student", []),
    "one folder down": ({"a2/student/shapes.py": SHAPES}, "student", []),
    "the other name": ({"mywork/shapes.py": SHAPES}, "mywork", []),
    "both": (
        {"mywork/shapes.py": "", "student/shapes.py": SHAPES},
        "student",
        ["mywork/ was not graded; student/ was"],
    ),
    "both, one deeper": (
        {"mywork/shapes.py": SHAPES, "a/student/shapes.py": ""},
        "mywork",
        ["a/student/ was not graded; mywork/ was"],
    ),
    "with what systems leave behind": (
        {
            "__MACOSX/student/._shapes.py": "x",
            "__MACOSX/._student": "x",
            "student/.DS_Store": b"\0",
            "student/__pycache__/shapes.pyc": b"\0",
            "student/shapes.py": SHAPES,
        },
        "student",
        [],
    ),
    "with other files": (
        {"student/shapes.py": SHAPES, "notebook.ipynb": "{}", "student/extra/more.py": "x = 1\n"},
        "student",
        [],
    ),
    "without what is required": (
        {"student/other.py": "x = 1\n"},
        "student",
        ["student/shapes.py is missing; what needs it gets no points"],
    ),
}


@pytest.mark.parametrize("entries, package, notes", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("make", [pack, lay], ids=["zip", "folder"])
def test_package_is_found(toy, tmp_path, make, entries, package, notes):
    source, work = tmp_path / "submission.zip", tmp_path / "work"
    work.mkdir()
    found = unpack_submission(make(source, entries), toy.manifest, work)
    assert (found.package, found.notes) == (work / package, notes)
    ignored = ("__MACOSX", ".DS_Store", "__pycache__")
    wanted = {
        name: text for name, text in entries.items() if f"{package}/" in name and not any(i in name for i in ignored)
    }
    files = {f for f in listing(work) if (work / f).is_file()}
    assert files == {name[name.index(f"{package}/") :] for name in wanted}
    for name, text in wanted.items():
        assert (work / name[name.index(f"{package}/") :]).read_text() == text


@pytest.mark.parametrize("name, package", [("student", "student"), ("mywork", "mywork"), ("my_homework", "student")])
def test_folder_may_be_the_package_itself(toy, tmp_path, name, package):
    work = tmp_path / "work"
    work.mkdir()
    found = unpack_submission(lay(tmp_path / name, {"shapes.py": SHAPES, "sub/more.py": ""}), toy.manifest, work)
    assert listing(work) == {package, f"{package}/shapes.py", f"{package}/sub", f"{package}/sub/more.py"}
    assert found.package == work / package


def info(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    return entry


def patched(file: Path, offset_central: int, offset_local: int, value: bytes) -> Path:
    """Overwrites a field of the first entry, in the directory and in its own header."""
    raw = bytearray(file.read_bytes())
    for signature, offset in ((CENTRAL, offset_central), (LOCAL, offset_local)):
        start = raw.index(signature) + offset
        raw[start : start + len(value)] = value
    file.write_bytes(raw)
    return file


def doubled(file: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("student/shapes.py", SHAPES)
            archive.writestr("student/shapes.py", "import os")
    return file


def damaged(file: Path) -> Path:
    """The deflated data itself is broken, headers and directory are whole."""
    pack(file, {"student/shapes.py": SHAPES * 20})
    raw = bytearray(file.read_bytes())
    start = raw.index(b"student/shapes.py") + len("student/shapes.py")
    raw[start : start + 40] = b"\xff" * 40
    file.write_bytes(raw)
    return file


def written(content: bytes):
    def make(file: Path) -> Path:
        file.write_bytes(content)
        return file

    return make


def cut(file: Path) -> Path:
    file.write_bytes(pack(file, {"student/shapes.py": SHAPES}).read_bytes()[:-40])
    return file


def holding(**entries):
    return lambda file: pack(file, {"student/shapes.py": SHAPES, **entries})


GOOD = {"student/shapes.py": SHAPES}
REFUSED = {
    "nothing of the kind": (
        lambda f: pack(f, {"homework/shapes.py": SHAPES, "a.txt": ""}),
        "there is no folder student/ or mywork/ in it; it holds a.txt, homework; "
        "homework/ holds 1 of 1 required files: rename it to student/",
    ),
    "several, two folders down": (
        lambda f: pack(f, {"a/b/student/shapes.py": SHAPES, "a/c/student/shapes.py": SHAPES}),
        "the package is in 2 places, a/b/student/, a/c/student/; hand in the one that counts",
    ),
    "a zip in the zip": (
        lambda f: pack(f, {"hw/student.zip": "x"}),
        "it holds hw; hand in hw/student.zip itself",
    ),
    "an empty zip": (lambda f: pack(f, {}), "there is no folder student/ or mywork/ in it; it holds nothing"),
    "no zip": (written(b"I am a text file. " * 100), "submission.zip is not a whole zip file (File is not a zip file)"),
    "an empty file": (written(b""), "submission.zip is empty; pack your work as a zip, and upload that"),
    "a RAR archive": (written(b"Rar!\x1a\x07"), "submission.zip is a RAR archive, no zip; pack your work as a zip"),
    "a 7z archive": (written(b"7z\xbc\xaf\x27\x1c"), "submission.zip is a 7z archive, no zip"),
    "a tar.gz": (written(b"\x1f\x8b\x08x"), "submission.zip is a gzip archive, no zip"),
    "the PDF": (written(b"%PDF-1.7"), "submission.zip is a PDF, no zip"),
    "a page that asks to log in": (written(b"<!DOCTYPE html>"), "submission.zip is a web page, no zip"),
    "a module that ends with .txt": (
        lambda f: pack(f, {"student/shapes.py.txt": SHAPES}),
        "student/ holds no module; shapes.py is missing, but student/shapes.py.txt is there; a copy is not read",
    ),
    "a module in capitals": (
        lambda f: pack(f, {"hw/Student/SHAPES.PY": SHAPES}),
        "hw/Student/ holds no module; shapes.py is missing, but hw/Student/SHAPES.PY is there; a copy is not read",
    ),
    "a module that iCloud keeps": (
        lambda f: pack(f, {"student/.shapes.py.icloud": "bplist00"}),
        "student/ holds no module; shapes.py is missing: iCloud has not loaded it (student/.shapes.py.icloud); open it "
        "once, and pack it then",
    ),
    "a notebook instead of a module": (
        lambda f: pack(f, {"student/shapes.ipynb": "{}"}),
        "student/ holds no module; it holds shapes.ipynb",
    ),
    "a zip in the package": (
        lambda f: pack(f, {"student/student.zip": "x"}),
        "student/ holds no module; it holds student.zip; hand in student/student.zip itself",
    ),
    "a truncated zip": (cut, "submission.zip is not a whole zip file"),
    "damaged data": (damaged, "student/shapes.py cannot be unpacked"),
    "an unknown method": (
        lambda f: patched(pack(f, GOOD), 10, 8, struct.pack("<H", 99)),
        "'student/shapes.py' is packed by an unusual method; make the zip with your system's own tool",
    ),
    "a bomb that hides its size behind a method": (bz2_bomb, "'student/shapes.py' is packed by an unusual method"),
    "an encrypted zip": (
        lambda f: patched(pack(f, GOOD), 8, 6, b"\x01\x00"),
        "'student/shapes.py' is encrypted; make the zip without a password",
    ),
    "less declared than there is": (
        lambda f: patched(pack(f, {"student/shapes.py": SHAPES * 50}), 24, 22, struct.pack("<I", 10)),
        "student/shapes.py cannot be unpacked (Bad CRC-32 for file 'student/shapes.py')",
    ),
    "more declared than there is": (
        lambda f: patched(pack(f, GOOD), 24, 22, struct.pack("<I", 2**31)),
        "it unpacks to 2,048 MB, allowed are 4; student/shapes.py has 2,048.0 MB",
    ),
    "a path upwards": (holding(**{"student/../../evil.py": "x"}), "'student/../../evil.py' points outside"),
    "an absolute path": (holding(**{"/tmp/evil.py": "x"}), "'/tmp/evil.py' points outside of the submission"),
    "a drive": (holding(**{"C:/evil.py": "x"}), "'C:/evil.py' points outside of the submission"),
    "backslashes upwards": (holding(**{"student\\..\\..\\evil.py": "x"}), "'student/../../evil.py' points outside"),
    "only a file without a name": (lambda f: pack(f, {".": "x"}), "it holds nothing"),
    "a module that is a symbolic link": (
        lambda f: pack(f, {**GOOD, info("student/more.py", stat.S_IFLNK | 0o777): "/etc/passwd"}),
        "'student/more.py' is a symbolic link; put the file itself there",
    ),
    "a name twice": (doubled, "student/shapes.py stands twice in it; keep one"),
    "a name in two cases": (holding(**{"student/Shapes.py": "x"}), "student/shapes.py stands twice in it; keep one"),
    "a module that is a folder too": (
        lambda f: pack(f, {"student/a.py": "x", "student/a.py/b.py": "x"}),
        "student/a.py/b.py cannot be unpacked",
    ),
    "a bomb": (
        holding(**{"student/zeros.py": b"\0" * (5 * MEGABYTE)}),
        "it unpacks to 5 MB, allowed are 4; student/zeros.py has 5.0 MB",
    ),
    "too many modules": (
        holding(**{f"student/{i}.py": "" for i in range(40)}),
        "it holds 41 modules, allowed are 40; leave out what is not yours",
    ),
    "folders too deep": (
        holding(**{"/".join("abcdefghijk") + "/a.txt": "x"}),
        "its folders go deeper than 10 levels (a/b/c/…); leave out what is not graded",
    ),
    "too many folders": (
        holding(**{f"{i}/": "" for i in range(2001)}),
        "it holds more than 2,000 folders; leave out data and environments",
    ),
    "no file": (lambda f: f, "is not there; give a zip or a folder"),
}


@pytest.mark.parametrize("make, reason", REFUSED.values(), ids=REFUSED)
def test_refused_with_the_reason_and_a_report(toy, tmp_path, monkeypatch, make, reason):
    source, work = make(tmp_path / "submission.zip"), tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    before, manifest = listing(tmp_path), toy.manifest
    record = grade_submission(manifest, source, tmp_path / "results.json", "gradescope")
    assert (record.score, record.max_score, record.checks, record.complete) == (0, 8, [], True)
    assert len(record.notes) == 1
    assert record.notes[0].text.startswith("The submission was not graded: ")
    assert reason in record.notes[0].text
    result = json.loads((tmp_path / "results.json").read_text())
    assert result["score"] == 0
    assert result["output"] == record.notes[0].text
    assert listing(tmp_path) - before == {"results.json"}


def test_examined_before_anything_is_written(toy, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    for name in (
        "a path upwards",
        "a bomb",
        "too many modules",
        "a module that is a symbolic link",
        "an encrypted zip",
        "a name twice",
    ):
        with pytest.raises(SubmissionError):
            unpack_submission(REFUSED[name][0](tmp_path / "submission.zip"), toy.manifest, work)
        assert listing(work) == set()


@pytest.mark.parametrize("call", ["mkdir", "open"])
@pytest.mark.parametrize("make", [pack, lay], ids=["zip", "folder"])
def test_full_disk_of_the_grader_refuses_nobody(toy, tmp_path, monkeypatch, make, call):
    source, work = make(tmp_path / "submission", GOOD), tmp_path / "work"
    work.mkdir()
    real = getattr(Path, call)

    def fill(place: Path, *args, **options):
        if place.is_relative_to(work):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(place, *args, **options)

    monkeypatch.setattr(Path, call, fill)
    with pytest.raises(OSError, match="No space left on device"):
        unpack_submission(source, toy.manifest, work)


def test_damaged_file_that_is_left_out_is_not_there(toy, tmp_path):
    with zipfile.ZipFile(tmp_path / "submission.zip", "w") as archive:
        for name, content in {**GOOD, "student/mean.npy": "DATA"}.items():
            archive.writestr(name, content)
    content = (tmp_path / "submission.zip").read_bytes()
    (tmp_path / "submission.zip").write_bytes(content.replace(b"DATA", b"data"))
    unpacked = unpack_submission(tmp_path / "submission.zip", toy.manifest, tmp_path)
    assert unpacked.notes == ["left out 1 file that is not graded (student/mean.npy)"]
    assert listing(unpacked.package) == {"shapes.py"}


@pytest.mark.parametrize("place", [".git/x", "x/pyvenv.cfg", "x.py"])
def test_name_of_thousands_of_levels_takes_no_time(toy, tmp_path, place):
    """A zip's directory has room for hundreds of them, and whoever reads it is trusted."""
    source, start = pack(tmp_path / "submission.zip", GOOD | {"a/" * 32_000 + place: ""}), time.process_time()
    with pytest.raises(SubmissionError, match="deeper than 10 levels"):
        unpack_submission(source, toy.manifest, tmp_path)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name, kind", [("student/data.py", "file"), ("student", "folder"), ("student/deep", "file")])
def test_symbolic_links_that_would_be_graded_are_refused(toy, tmp_path, name, kind):
    toy.replace("assignment.toml", 'required = ["shapes.py"]', 'required = ["shapes.py", "deep/net.py"]')
    toy.write("solution/deep/net.py", "")
    folder = lay(tmp_path / "submission", {"shapes.py": SHAPES} if name == "student" else GOOD)
    (folder / name).symlink_to("/etc/passwd" if name.endswith(".py") else "/etc")
    with pytest.raises(SubmissionError, match=f"'{name}' is a symbolic link; put the {kind} itself there"):
        unpack_submission(folder, toy.manifest, tmp_path)


def test_folders_are_held_to_the_same_limits(toy, tmp_path):
    many = lay(tmp_path / "many", {f"student/{i}.py": "" for i in range(41)})
    with pytest.raises(SubmissionError, match="it holds 41 modules, allowed are 40"):
        unpack_submission(many, toy.manifest, tmp_path)
    large = lay(tmp_path / "large", {"student/zeros.py": b"\0" * (5 * MEGABYTE)})
    with pytest.raises(SubmissionError, match="it unpacks to 5 MB, allowed are 4"):
        unpack_submission(large, toy.manifest, tmp_path)


def test_environments_in_folders_are_not_counted(toy, tmp_path):
    entries = {f"student/.venv/{i}.py": "" for i in range(100)} | {"student/shapes.py": SHAPES}
    work = tmp_path / "work"
    work.mkdir()
    unpack_submission(lay(tmp_path / "submission", entries), toy.manifest, work)
    assert listing(work) == {"student", "student/shapes.py"}


@pytest.mark.parametrize("form, file", [("gradescope", "results.json"), ("record", "record.json")])
def test_submission_is_graded(toy, tmp_path, command, form, file):
    source = pack(tmp_path / "submission.zip", {"a2/mywork/shapes.py": SHAPES, "a2/mywork/.DS_Store": b"\0"})
    status, out, _ = command(
        "grade", str(source), "--format", form, "--out", str(tmp_path / file), "--secret-seeds", "1"
    )
    assert status == 0
    assert "Total: 8 of 8 points" in out
    assert f"written: {tmp_path / file}" in out
    report = json.loads((tmp_path / file).read_text())
    assert report["score"] == 8
    assert len(report["tests" if form == "gradescope" else "checks"]) == (4 if form == "gradescope" else 16)


def test_missing_file_costs_its_points_and_is_named(toy, tmp_path):
    source = pack(tmp_path / "submission.zip", {"student/other.py": ""})
    record = grade_submission(toy.manifest, source, tmp_path / "results.json", "gradescope", secret_seeds=0)
    assert (record.score, len(record.checks)) == (0, 16)
    told = {check.visibility: check.message for check in record.checks if check.question == "Q1"}
    assert told == {"public": "shapes.py is missing; put it into student/.", "hidden": "shapes cannot be imported"}
    assert "student/shapes.py is missing; what needs it gets no points" in [note.text for note in record.notes]
    assert json.loads((tmp_path / "results.json").read_text())["extra_data"]["complete"]


def test_fault_of_the_course_is_in_the_report_too(toy, tmp_path, command):
    toy.replace("checks/public/test_q1_rectangles.py", "@points(0.1,", "@points(0.2,")
    source = pack(tmp_path / "submission.zip", GOOD)
    status, _, err = command("grade", str(source), "--out", str(tmp_path / "results.json"))
    assert status == 2
    assert "cannot run: questions Q1.public_points" in err
    result = json.loads((tmp_path / "results.json").read_text())
    assert "The grader could not go on: questions Q1.public_points" in result["output"]
    assert not result["extra_data"]["complete"]
