"""What people really pack is graded, zip and folder alike, with a note of what was left out; bad shapes cost little."""

import io
import math
import os
import random
import shutil
import stat
import struct
import sys
import time
import zipfile
from pathlib import Path

import pytest

from grader.errors import SubmissionError
from grader.grading.submission import grade_submission
from grader.limits import ENTRIES, MEGABYTE
from grader.submission import listing as listing_module
from grader.submission.package_search import find_copies
from grader.submission.unpack import unpack_submission
from tests.harness.test_submission import GOOD, SHAPES, info, lay, listing, pack

FIFO = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
LOG = b"step 1: loss 2.3026\n" * 120_000

# what is packed, the notes, the files unpacked besides shapes.py
PACKED = {
    "macOS' blank in a screenshot's name": (
        {"Screenshot 2026-01-31 at 9.41\u202fAM.png": b"x", "student/a\u3000b.png": b"x", "student/\u200d.txt": "x"},
        ["left out 1 file that is not graded (Screenshot 2026-01-31 at 9.41\\u202fAM.png)"],
        ["a\u3000b.png", "\u200d.txt"],
    ),
    "version control": (
        {f".git/objects/{i:02x}/{i:038x}": b"x" for i in range(60)},
        ["left out 60 files that are not graded (.git)"],
        [],
    ),
    "version control and data": (
        {".git/HEAD": "x", ".git/config": "x", "datasets/cifar10.bin": b"x", "notes.txt": "x"},
        ["left out 4 files that are not graded (.git, datasets, notes.txt)"],
        [],
    ),
    "a long log": ({"student/train.log": LOG}, ["left out 1 file that is not graded (student/train.log)"], []),
    "a data set in the package": (
        {f"student/datasets/batch_{i}": os.urandom(MEGABYTE + 1) for i in range(5)},
        ["left out 5 files that are not graded (student/datasets)"],
        [],
    ),
    "very many small images in the package": (
        {f"student/data/{i}.png": b"x" for i in range(50)},
        ["left out 50 files that are not graded (student/data)"],
        [],
    ),
    "small files that add up": (
        {f"student/part_{i}": os.urandom(MEGABYTE - 1) for i in range(5)},
        [
            "left out 5 files that are not graded (student/part_0, student/part_1, student/part_2, student/part_3 "
            "and 1 more)"
        ],
        [],
    ),
    "a colon in a name": (
        {"q1: plot.png": b"x", "student/q2: plot.png": b"x"},
        ["left out 2 files that are not graded (q1: plot.png, student/q2: plot.png)"],
        [],
    ),
    "names in two cases": ({"Notes.md": "x", "notes.md": "x", "a/Student.txt": "x", "a/student.txt": "x"}, ..., []),
    "names in two cases in the package": (
        {"student/Notes.md": "x", "student/notes.md": "x"},
        ["left out 1 file that is not graded (student/notes.md)"],
        ["Notes.md"],
    ),
    "a stray module beside the package": (
        {"shapes.py": "broken", "challenge.pt": "x"},
        ["left out 2 files that are not graded (challenge.pt, shapes.py)"],
        [],
    ),
    "an environment by another name": (
        {"env39/pyvenv.cfg": "x", **{f"env39/lib/a/b/c/d/e/f/g/h/i/j/{i}.py": "x" for i in range(60)}},
        ["left out 61 files that are not graded (env39)"],
        [],
    ),
    "control characters in a name": (
        {"student/a\x1b[2J.py": "x"},
        ["left out 1 file that is not graded (student/a\\x1b[2J.py)"],
        [],
    ),
    "what submit packs": ({"notebooks/A.ipynb": "{}", "submission.json": "{}"}, [], []),
}


def unpacked(toy, source: Path, tmp_path: Path):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    return unpack_submission(source, toy.manifest, work)


@pytest.mark.parametrize("entries, notes, kept", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("make", [pack, lay], ids=["zip", "folder"])
def test_left_out_with_one_note(toy, tmp_path, make, entries, notes, kept):
    found = unpacked(toy, make(tmp_path / "submission.zip", GOOD | entries), tmp_path)
    assert listing(found.package) == {"shapes.py", *kept}
    if notes is ...:
        assert len(found.notes) == 1
    else:
        assert found.notes == notes


# what is packed, the notes; the package is graded
FOUND = {
    "modules at the root": ({"shapes.py": SHAPES, "sub/more.py": ""}, []),
    "deeper": (
        {"hw2/final/student/shapes.py": SHAPES},
        ["hw2/final/student/ was graded; pack student/ without the 2 folders around it"],
    ),
    "a folder of the same name around it": ({"student/student/shapes.py": SHAPES}, []),
    "another case": (
        {"Student/shapes.py": SHAPES},
        ["Student/ was graded as student/; give the folder that name"],
    ),
    "an empty folder of the first name": ({"student/readme.txt": "x", "mywork/shapes.py": SHAPES}, ...),
    "a leftover of the first name": ({"student/other.py": "x", "mywork/shapes.py": SHAPES}, ...),
}


@pytest.mark.parametrize("entries, notes", FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("make", [pack, lay], ids=["zip", "folder"])
def test_package_is_found_and_the_note_says_where(toy, tmp_path, make, entries, notes):
    found = unpacked(toy, make(tmp_path / "submission.zip", entries), tmp_path)
    assert (found.package / "shapes.py").read_text() == SHAPES
    assert notes is ... or found.notes == notes


COPIES = {
    "a browser's": ("student/shapes (1).py", "student/shapes (1).py is there; a copy is not read, give it the name"),
    "a system's": ("student/shapes copy.py", "student/shapes copy.py is there; a copy is not read, give it the name"),
    "Dropbox's": (
        "student/shapes (Ann's conflicted copy 2026-01-31).py",
        "student/shapes (Ann's conflicted copy 2026-01-31).py is there; a copy is not read, give it the name",
    ),
    "another case": ("student/Shapes.py", "student/Shapes.py is there; a copy is not read, give it the name shapes.py"),
    "outside": ("old/shapes.py", "old/shapes.py is there; put it into student/"),
}


@pytest.mark.parametrize("name, words", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("make", [pack, lay], ids=["zip", "folder"])
def test_missing_module_whose_copy_is_there(toy, tmp_path, make, name, words):
    found = unpacked(toy, make(tmp_path / "submission.zip", {"student/more.py": "", name: SHAPES}), tmp_path)
    assert f"student/shapes.py is missing, but {words}" in found.notes[-1]


def test_names_of_copies():
    names = ["Copy of a.py", "a - Copy (2).py", "a(3).py", "a-1.py", "A.PY", "a.py.txt"]
    names += ["a_final.py", "a-v2.py", "a_old (1).py"]
    assert find_copies("a.py", [*names, "a.py", "ab.py", "b", "final.py", "anew.py"]) == names
    assert find_copies("3_a.ipynb", ["a.ipynb", "2_a.ipynb", "a3.ipynb", "3.ipynb"]) == ["a.ipynb", "2_a.ipynb"]


def test_names_that_take_the_square_of_their_length_are_no_copies():
    started = time.process_time()
    for names in ([f"{'_1' * 120}{i}.py" for i in range(8_000)], [f"{'_1' * 20}{i}.py" for i in range(20_000)]):
        assert find_copies("layers.py", [*names[:9], "layers (1).py", *names]) == ["layers (1).py"]
    assert time.process_time() - started < 1


LOOSE = {
    "loose files": ({"run.py": "x", "report.pdf": "x"}, "code.zip was graded; report.pdf, run.py beside it were not"),
    "one loose file": ({"run.py": "x"}, "code.zip was graded; run.py beside it was not"),
    "nothing else": ({}, None),
}


@pytest.mark.parametrize("entries, note", LOOSE.values(), ids=LOOSE)
def test_zip_in_a_folder(toy, tmp_path, entries, note):
    folder = lay(tmp_path / "submission", entries)
    folder.mkdir(exist_ok=True)
    pack(folder / "code.zip", GOOD)
    found = unpacked(toy, folder, tmp_path)
    assert listing(found.package) == {"shapes.py"}
    assert found.notes == [note] * bool(note)


def test_zip_beside_the_package_is_left_out_with_a_note(toy, tmp_path):
    folder = lay(tmp_path / "submission", GOOD)
    pack(folder / "old.zip", {"student/shapes.py": "broken"})
    found = unpacked(toy, folder, tmp_path)
    assert (found.package / "shapes.py").read_text() == SHAPES
    assert found.notes == ["left out 1 file that is not graded (old.zip)"]


def test_several_zips_are_named(toy, tmp_path):
    folder = tmp_path / "submission"
    folder.mkdir()
    for name in ("a.zip", "b.zip"):
        pack(folder / name, GOOD)
    with pytest.raises(SubmissionError, match=r"it holds a.zip, b.zip; hand in just one of a.zip, b.zip"):
        unpacked(toy, folder, tmp_path)


@pytest.mark.parametrize("make", [pack, lay], ids=["zip", "folder"])
def test_links_that_are_not_graded_are_left_out(toy, tmp_path, make):
    source = make(tmp_path / "submission.zip", GOOD)
    if make is lay:
        (source / "student/datasets").symlink_to("/etc")
        (source / "other").symlink_to("/etc/passwd")
    else:
        with zipfile.ZipFile(source, "a") as archive:
            for name in ("student/datasets", "other"):
                archive.writestr(info(name, stat.S_IFLNK | 0o777), "/etc")
    found = unpacked(toy, source, tmp_path)
    assert listing(found.package) == {"shapes.py"}
    assert found.notes == ["left out 2 files that are not graded (other, student/datasets)"]


@pytest.mark.parametrize("flag, method", [(b"\x01\x00", None), (None, 99)], ids=["encrypted", "unusual method"])
def test_trouble_of_what_is_not_graded_is_no_trouble(toy, tmp_path, flag, method):
    source = pack(tmp_path / "submission.zip", {"notes.txt": "x", **GOOD})
    raw = bytearray(source.read_bytes())
    place = raw.index(b"PK\x01\x02")
    if flag:
        raw[place + 8 : place + 10] = flag
    else:
        raw[place + 10 : place + 12] = struct.pack("<H", method)
    source.write_bytes(raw)
    assert unpacked(toy, source, tmp_path).notes == ["left out 1 file that is not graded (notes.txt)"]


# --- what could hang, fill memory or end in a traceback --------------------------------------------------------------


def most_memory() -> int:
    """The megabytes this process has had at most; nothing on a system that cannot tell."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def fill(folder: Path, levels: int) -> Path:
    """A folder of very many levels, made level by level, since its whole path is too long for the system."""
    folder.mkdir()
    before = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    for _ in range(levels):
        os.mkdir("a")
        os.chdir("a")
    os.fchdir(before)
    os.close(before)
    return folder


def many_entries(file: Path, number: int) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name in range(number):
            archive.writestr(f"a/{name}", b"")
    return file


def lying(file: Path, number: int) -> Path:
    """A zip whose end record says that it holds one file."""
    raw = bytearray(many_entries(file, number).read_bytes())
    end = raw.rindex(b"PK\x05\x06")
    raw[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    file.write_bytes(raw)
    return file


SHAPED = {
    "850 levels": (lambda f: fill(f, 850), "its folders go deeper than 10 levels (a/a/a/…)"),
    "850 levels in the package": (
        lambda f: fill(lay(f, GOOD) / "student/a", 850) and f,
        "its folders go deeper than 10 levels (student/a/a/…)",
    ),
    "too many entries": (
        lambda f: many_entries(f, ENTRIES + 1),
        "it holds more than 50,000 files; leave out data and environments",
    ),
    "more entries than are said": (
        lambda f: lying(f, 50_100),
        "it holds more than 50,000 files; leave out data and environments",
    ),
}


@pytest.mark.parametrize("make, reason", SHAPED.values(), ids=SHAPED)
def test_bad_shapes_are_refused_at_once(toy, tmp_path, make, reason):
    source = make(tmp_path / "submission.zip")
    started, before = time.process_time(), most_memory()
    with pytest.raises(SubmissionError) as refused:
        unpacked(toy, source, tmp_path)
    assert reason in str(refused.value)
    assert time.process_time() - started < 2
    assert most_memory() - before < 50
    assert listing(tmp_path / "work") == set()


def test_deep_folders_that_are_ignored_are_left_out(toy, tmp_path):
    folder = lay(tmp_path / "submission", GOOD)
    fill(folder / ".git", 850)
    assert listing(unpacked(toy, folder, tmp_path).package) == {"shapes.py"}


def test_a_directory_is_bounded_whatever_its_record_says(monkeypatch):
    monkeypatch.setattr(listing_module, "ENTRIES", 100)
    monkeypatch.setattr(listing_module, "ZIP_DIRECTORY_BYTES", 10_000)

    def counted(raw: bytes) -> int:
        return len(listing_module.list_zip(io.BytesIO(raw), math.inf)[0].files)

    assert counted(zip_of(3)) == counted(zip_of(3, comment=b"a comment")) == counted(zip_64_of(3, 2**40)) == 3
    assert counted(zip_of(100)) == counted(zip_of(100, said=1)) == 100
    for raw in (zip_of(101), zip_of(101, said=1), zip_64_of(101, 7), zip_of(90, length=100)):
        with pytest.raises(SubmissionError, match="it holds more than 100 files"):
            counted(raw)
    for raw in (b"", b"PK\x05\x06", b"x" * 100, zip_64_of(3, 7, size=2**50)):
        with pytest.raises(zipfile.BadZipFile):
            counted(raw)


def zip_of(number: int, said: int | None = None, comment: bytes = b"", length: int = 1) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.comment = comment
        for name in range(number):
            archive.writestr(str(name).zfill(length), b"")
    raw = bytearray(stream.getvalue())
    if said is not None:
        end = raw.rindex(b"PK\x05\x06")
        raw[end + 8 : end + 12] = struct.pack("<HH", said, said)
    return bytes(raw)


def zip_64_of(number: int, said: int, size: int | None = None) -> bytes:
    raw = zip_of(number)
    end = raw.rindex(b"PK\x05\x06")
    length, offset = struct.unpack("<LL", raw[end + 12 : end + 20])
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, said, said, size or length, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return raw[:end] + record + locator + tail


@FIFO
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "place", ["submission.zip", "submission/student/shapes.py", "submission/student/pipe", "submission/pipe"]
)
def test_pipe_is_never_waited_for(toy, tmp_path, place):
    source = tmp_path / Path(place).parts[0]
    if source.suffix != ".zip":
        lay(source, GOOD)
    (tmp_path / place).unlink(missing_ok=True)
    os.mkfifo(tmp_path / place)
    if source.suffix == ".zip":
        with pytest.raises(SubmissionError, match=r"submission.zip is not a whole zip file \(it is no regular file\)"):
            unpacked(toy, source, tmp_path)
    elif place.endswith("shapes.py"):
        assert unpacked(toy, source, tmp_path).notes == [
            "left out 1 file that is not graded (student/shapes.py)",
            "student/shapes.py is missing; what needs it gets no points",
        ]
    else:
        name = place.removeprefix("submission/")
        assert unpacked(toy, source, tmp_path).notes == [f"left out 1 file that is not graded ({name})"]


@FIFO
@pytest.mark.timeout(300)
def test_commands_do_not_wait_for_a_pipe(toy, command, tmp_path):
    (toy.root / "student/shapes.py").unlink()
    os.mkfifo(toy.root / "student/shapes.py")
    (toy.root / "notebooks").mkdir(exist_ok=True)
    (toy.root / "notebooks/Rectangles.ipynb").unlink(missing_ok=True)
    os.mkfifo(toy.root / "notebooks/Rectangles.ipynb")
    status, out, _ = command("preflight")
    assert status == 1
    assert "student/shapes.py" in out and "is missing" in out


def test_unpacking_ends_with_the_run(toy, tmp_path):
    for make in (pack, lay):
        with pytest.raises(SubmissionError, match="unpacking took all the time of a run"):
            source = make(tmp_path / f"{make.__name__}.zip", GOOD)
            unpack_submission(source, toy.manifest, tmp_path, time.monotonic() - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_name_that_is_no_utf8_ends_in_a_sentence(toy, command, tmp_path):
    odd = os.fsdecode(b"\xff\xfe")
    folder = lay(tmp_path / f"submission{odd}", {**GOOD, f"student/{odd}.py": "x", f"{odd}.txt": "x"})
    record = grade_submission(toy.manifest, folder, tmp_path / "record.json", "record", secret_seeds=0)
    assert record.score == 8
    assert record.submission == "submission\\udcff\\udcfe"
    note = "left out 2 files that are not graded (student/\\udcff\\udcfe.py, \\udcff\\udcfe.txt)"
    assert [(n.kind, n.text) for n in record.notes] == [("submission", note)]
    missing = str(tmp_path / f"missing{odd}")
    status, out, err = command("grade", missing, "--out", str(tmp_path / f"{odd}.json"), "--secret-seeds", "0")
    assert (status, "Traceback" in out + err) == (2, False)
    assert "missing\\udcff\\udcfeisnotthere;giveaziporafolder" in "".join(out.split())
    for name in (f"student/{odd}.py", f"student/{odd}/more.py"):
        toy.write(name, "x = 1\n")
    for words in (["check", "--no-timing"], ["preflight"]):
        status, out, err = command(*words)
        assert (status, "Traceback" in out + err) == (1, False)
    (tmp_path / odd).mkdir()
    status, _, err = command("check", "--student", str(tmp_path / odd))
    assert (status, "its path holds a byte that is no UTF-8; rename that folder" in err) == (2, True)


def test_damaged_zips_end_in_a_sentence(toy, tmp_path):
    """Bytes are changed at random, most of them in the directory; what is refused leaves nothing behind."""
    good = pack(tmp_path / "good.zip", {**GOOD, "student/a/b.py": "x = 1\n" * 200, "x/y.txt": "x"}).read_bytes()
    draw, work, source = random.Random(231), tmp_path / "work", tmp_path / "bad.zip"
    refused = 0
    for _ in range(300):
        raw, start = bytearray(good), good.index(b"PK\x01\x02") if draw.random() < 0.7 else 0
        for _ in range(draw.choice([1, 1, 2, 4, 8])):
            raw[draw.randrange(start, len(raw))] = draw.choice([0, 255, draw.randrange(256)])
        source.write_bytes(raw[: draw.randrange(len(raw))] if draw.random() < 0.1 else raw)
        try:
            unpacked(toy, source, tmp_path)
        except SubmissionError as error:
            refused += 1
            assert str(error).encode() and not listing(work)
        shutil.rmtree(work, ignore_errors=True)
    assert refused > 50


def test_entry_without_a_name_is_passed_over(toy, tmp_path):
    source = pack(tmp_path / "submission.zip", {**GOOD, "x": "x"})
    raw = source.read_bytes()
    place = raw.rindex(b"PK\x01\x02")
    lengths = struct.pack("<HHH", 0, 1, 0)  # the name becomes an extra field
    source.write_bytes(raw[: place + 28] + lengths + raw[place + 34 :])
    assert unpacked(toy, source, tmp_path).notes == []
