"""Exports are told apart by themselves, and each submission in one is found with its authors, whatever the names."""

import json
import os
from pathlib import Path

import pytest

from grader.classroom import report
from grader.classroom.sources import METADATA, digest_submission, make_name, read_export
from grader.classroom.view import Person
from grader.course.catalogue import load_catalogues
from grader.errors import UsageError
from tests.harness.made_export import make_class, write_export


def write(root: Path, *names: str, content: str = "") -> None:
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir(exist_ok=True)
        else:
            place.write_text(content or name)


@pytest.mark.parametrize("layout", ["gradescope", "canvas", "moodle", "folder"])
def test_made_class_is_read_back(toy, tmp_path, layout):
    made = make_class(toy.manifest, 16, seed=2)
    write_export(toy.manifest, tmp_path / "in", made, layout)
    export = read_export(tmp_path / "in")
    assert export.kind == layout and not export.left_out
    counted = [one for one in export.submissions if not one.superseded]
    assert len(export.submissions) == 16 - (layout == "moodle") and len(counted) == 16 - (layout != "folder")
    if layout == "gradescope":
        names = [[name for name, *_ in one.people] for one in made if one.kind != "handed in again" or one.again]
        cleaned = sorted([make_name(name) for name in own] for own in names)
        assert sorted([person.name for person in one.people] for one in counted) == cleaned
        assert {len(one.people) for one in counted} == {1, 2}
        assert [one.submitted for one in export.submissions] == [one.time.isoformat() for one in made]
    if layout == "canvas":
        assert sum(one.late for one in counted) == sum(one.late for one in made) == 2


def test_made_class_is_the_same_for_a_seed_and_has_every_variant(toy):
    made, again = make_class(toy.manifest, 30, seed=1), make_class(toy.manifest, 30, seed=1)
    assert made == again != make_class(toy.manifest, 30, seed=2)
    planted = {variant.id for one in made for variant in one.variants}
    assert planted == {one.id for catalogue in load_catalogues(toy.manifest) for one in catalogue.variants}


def test_folder_of_zips_and_folders(tmp_path):
    write(tmp_path, "ada.zip", "bob/layers.py", "cyd.tar.gz", "notes.txt", ".DS_Store", "__MACOSX/._ada.zip", "._bob")
    export = read_export(tmp_path)
    assert export.kind == "folder" and export.left_out == ["notes.txt"]
    found = {one.key: one for one in export.submissions}
    assert list(found) == ["ada.zip", "bob", "cyd.tar.gz"]
    assert found["ada.zip"].people == (Person("ada"),) and found["ada.zip"].place == tmp_path / "ada.zip"


def test_canvas_downloads(tmp_path):
    write(
        tmp_path,
        "adalovelace_101_5001_code.zip",
        "bobross_LATE_102_5002_my_code_2.zip",
        "cydcharisse_103_5003_code.zip",
        "cydcharisse_103_5003_code-1.zip",
        "cydcharisse_103_5003_code-10.zip",
        "doraemon_104_5004_code.zip",
        "doraemon_104_5004_report.pdf",
        "eve_LATE_105_5005_layers.py",
        "readme.txt",
    )
    export = read_export(tmp_path)
    assert export.kind == "canvas" and export.left_out == ["doraemon_104_5004_report.pdf", "readme.txt"]
    counted = {one.people[0].user: one for one in export.submissions if not one.superseded}
    assert {user: one.key for user, one in counted.items()} == {
        "101": "adalovelace_101_5001_code.zip",
        "102": "bobross_LATE_102_5002_my_code_2.zip",
        "103": "cydcharisse_103_5003_code-10.zip",
        "104": "doraemon_104_5004_code.zip",
        "105": "eve_LATE_105_5005_layers.py",
    }
    assert {user for user, one in counted.items() if one.late} == {"102", "105"}
    assert {one.key for one in export.submissions if one.superseded} == {
        "cydcharisse_103_5003_code.zip",
        "cydcharisse_103_5003_code-1.zip",
    }
    assert counted["102"].people == (Person("bobross", user="102"),)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["ada_1_51_x.zip", "ada_1_51_x.pdf", "bo_2_52_x.zip", "cy_3_53_x.zip", "late_by_mail.zip", "dan/layers.py"],
            "Not graded: ada_1_51_x.pdf, dan, late_by_mail.zip. Of Canvas's files, named as in "
            "adaada_123_456_code.zip, each student's last zip or else file is graded.",
        ),
        (
            ["Ada_11_assignsubmission_file_/x.zip", "Bob_12_assignsubmission_file_/x.zip", "late_by_mail.zip"],
            "Not graded: late_by_mail.zip. Of Moodle's files, those named as in Ada Ada_123_assignsubmission_file_ "
            "are graded.",
        ),
        (["ada.zip", "notes.txt"], "Not graded: notes.txt. In a folder, zips and folders are graded."),
        ([METADATA, "submission_1/x.py", "x.zip"], "Not graded: x.zip. Of Gradescope's export, folders are graded."),
        (["ada.zip"], ""),
    ],
)
def test_what_is_left_out_is_told_with_what_is_graded(tmp_path, names, said):
    write(tmp_path, *names, content="{}")
    assert report.explain_left_out(read_export(tmp_path)) == said


@pytest.mark.parametrize("name", ["Mal Ory_13_assignsubmission_file_{}", "ory_13_77_{}", "ory_LATE_13_77_{}"])
def test_file_cannot_be_named_so_that_it_counts_as_another_students(tmp_path, name):
    write(tmp_path, *(name.format(own) for own in ("a_12_assignsubmission_file_b.zip", "b_LATE_12_66_c.zip")))
    assert {person.user for one in read_export(tmp_path).submissions for person in one.people} == {"13"}


def test_moodle_downloads(tmp_path):
    names = ["Ada Lovelace_11_assignsubmission_file_/code.zip", "Zoë_van_der_Berg_12_assignsubmission_file_/code.zip"]
    write(tmp_path, *names, "Ada Lovelace_11_assignsubmission_onlinetext_/onlinetext.html")
    export = read_export(tmp_path)
    assert export.kind == "moodle"
    assert [one.people for one in export.submissions] == [
        (Person("Ada Lovelace", user="11"),),
        (Person("Zoë_van_der_Berg", user="12"),),
    ]
    assert export.left_out == ["Ada Lovelace_11_assignsubmission_onlinetext_"]


GRADESCOPE = """
---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '0017'
    :email: ada@example.org
  - :name: "Bob \\"the builder\\" O'Neil"
    :email:
  :created_at: 2026-03-01 20:00:16.912345678 Z
  :score: 10.0
  :results: {tests: []}
submission_2:
  :submitters:
  - :name: Cyd
    :sid: 0x1F
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: &1 2026-03-02 10:00:00.000000000 Z
    zone: &2 !ruby/object:ActiveSupport::TimeZone
      name: America/Los_Angeles
    time: 2026-03-02 02:00:00.000000000 Z
submission_3:
  :created_at: 2026-03-01 20:00:00 -0800
submission_9:
  :submitters: nonsense
../../etc: {}
"""


@pytest.mark.parametrize("folder", ["", "assignment_77_export/"])
def test_gradescope_export(tmp_path, folder):
    write(tmp_path, *(f"{folder}submission_{n}/layers.py" for n in (1, 2, 3, 4)), "__MACOSX/x/._y", f"{folder}x.csv")
    write(tmp_path, f"{folder}{METADATA}", content=GRADESCOPE)
    export = read_export(tmp_path)
    assert export.kind == "gradescope" and export.left_out == ["x.csv"]
    found = {one.key: one for one in export.submissions}
    assert list(found) == [f"submission_{n}" for n in (1, 2, 3, 4, 9)]
    people = (Person("Ada Lovelace", "0017", "ada@example.org"), Person('Bob "the builder" O\'Neil'))
    assert found["submission_1"].people == people
    assert found["submission_2"].people == (Person("Cyd", "0x1F"),)
    times = [one.submitted for one in export.submissions]
    assert times == ["2026-03-01T20:00:16+00:00", "2026-03-02T10:00:00+00:00", "2026-03-01T20:00:00-08:00", "", ""]
    assert not found["submission_9"].place.exists()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"assignment_1_export/{METADATA}", f"assignment_2_export/{METADATA}"], "assignment_1_export, assignment_2_"),
        ([f"ada/{METADATA}", "ada/layers.py", "bob/layers.py"], "ada"),
        ([f"ada/{METADATA}", "ada/layers.py", "bob.zip"], "ada"),
    ],
    ids=["two exports", "a submission that has such a file", "beside a zip"],
)
def test_metadata_beside_other_submissions_are_no_export_of_all(tmp_path, names, told):
    """A student's file of this name would otherwise have a whole class read from one submission."""
    write(tmp_path, *names, content=GRADESCOPE)
    with pytest.raises(UsageError, match=rf"{METADATA} lies in {told}.*, beside others; give the folder of one export"):
        read_export(tmp_path)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("canvas", ["ada_101_5001_code.zip"]),
        ("moodle", ["Ada_11_assignsubmission_file_/code.zip"]),
        ("folder", ["ada.zip", "bob.zip", "cyd/layers.py"]),
    ],
)
def test_export_is_found_in_the_only_folder_of_its_parent(tmp_path, kind, names):
    """A zip that was unpacked beside itself, or into a folder of its own."""
    write(tmp_path, *(f"submissions/{name}" for name in names), "submissions.zip", "__MACOSX/._x", "grades.csv")
    export = read_export(tmp_path)
    assert (export.kind, [one.key for one in export.submissions]) == (kind, [name.partition("/")[0] for name in names])
    write(tmp_path, "late.zip")
    assert [one.key for one in read_export(tmp_path).submissions] == ["late.zip", "submissions", "submissions.zip"]


@pytest.mark.parametrize("names", [["ada/layers.py"], ["ada/code.zip"], ["ada/a_1_2_x.zip", "bob/b_1_2_x.zip"]])
def test_folder_of_one_submission_is_no_export(tmp_path, names):
    write(tmp_path, *names)
    assert [one.key for one in read_export(tmp_path).submissions] == sorted({name.partition("/")[0] for name in names})


AGAIN = """
submission_1:
  :submitters: [{':name': Ada, ':sid': '1'}, {':name': Bob, ':sid': '2'}]
  :created_at: 2026-03-01 20:00:00 Z
submission_2:
  :submitters: [{':name': Ada, ':sid': '1'}]
  :created_at: 2026-03-01 21:00:00 +0200
submission_3:
  :submitters: [{':name': Bob, ':sid': '2'}]
  :created_at: 2026-03-01 21:00:00 Z
"""


def test_whoever_hands_in_again_supersedes_only_what_nobody_else_needs(tmp_path):
    write(tmp_path, *(f"submission_{n}/x.py" for n in (1, 2, 3)))
    write(tmp_path, METADATA, content=AGAIN)
    assert [one.superseded for one in read_export(tmp_path).submissions] == [False, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "submission_1: !!python/object/new:os.system ['touch {marker}']",
        "submission_1:\n  :submitters: !!python/name:os.system",
        "submission_1: !ruby/object:Gem::Installer\n  i: x",
    ],
)
def test_metadata_make_no_objects(tmp_path, text):
    marker = tmp_path / "marker"
    write(tmp_path, "export/submission_1/x.py")
    write(tmp_path, f"export/{METADATA}", content=text.format(marker=marker))
    try:
        assert all(not one.people for one in read_export(tmp_path / "export").submissions)
    except UsageError as error:
        assert "export" in str(error)
    assert not marker.exists()


@pytest.mark.parametrize("text", ["- a list", "just words", "a: [", "\0", "{" * 3000, "a: &a [*a]"])
def test_metadata_that_cannot_be_read(tmp_path, text):
    write(tmp_path, METADATA, content=text)
    with pytest.raises(UsageError, match=r"export (the submissions|them) again|holds no submission"):
        read_export(tmp_path)


def test_names_that_are_no_text(tmp_path):
    for name in (b"caf\xe9.zip", b"line\nbreak.zip", b"red\x1b[31m.zip", "\u202etxt.zip".encode()):
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    keys = [one.key for one in read_export(tmp_path).submissions]
    assert keys == sorted(["caf\\udce9.zip", "line\\nbreak.zip", "red\\x1b[31m.zip", "\\u202etxt.zip"])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
        ("\u200f\u0639\u0644\u06cc\u202c", "\u0639\u0644\u06cc"),
        ("Ada\u00a0 Lovelace ", "Ada Lovelace"),
        ("Zoe\u0308", "Zoë"),
        ("Bob\nO'Neil", "Bob O'Neil"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\u202e", ""),
    ],
    ids=["a joiner", "marks of direction", "no-break space", "decomposed", "line break", "escapes", "nothing else"],
)
def test_names_and_ids_are_as_people_write_them(tmp_path, written, read):
    write(tmp_path, "submission_1/x.py")
    metadata = {"submission_1": {":submitters": [{":name": written, ":sid": f"19{written}", ":email": f" {written}"}]}}
    write(tmp_path, METADATA, content=json.dumps(metadata))
    assert read_export(tmp_path).submissions[0].people == (Person(read, f"19{read}", read),)


def test_keys_stay_apart(tmp_path):
    (tmp_path / "a\nb.zip").write_text("1")
    (tmp_path / "a\\nb.zip").write_text("2")
    assert len({one.key for one in read_export(tmp_path).submissions}) == 2


@pytest.mark.parametrize(
    ("name", "words"), [("no", "is not there"), ("x.zip", "is a file; unpack it"), ("", "holds no")]
)
def test_source_without_submissions(tmp_path, name, words):
    write(tmp_path, "x.txt")
    if name == "x.zip":
        write(tmp_path, name)
    with pytest.raises(UsageError, match=words):
        read_export(tmp_path / name)


def test_digest_is_that_of_the_files_and_follows_no_link(tmp_path):
    write(tmp_path, "a/x.py", "a/.DS_Store", "b/x.py", "secret.txt", content="1")
    assert digest_submission(tmp_path / "a") == digest_submission(tmp_path / "b")
    before = digest_submission(tmp_path / "b")
    (tmp_path / "b/link.py").symlink_to(tmp_path / "secret.txt")
    linked = digest_submission(tmp_path / "b")
    (tmp_path / "secret.txt").write_text("2")
    assert before != linked == digest_submission(tmp_path / "b")
    os.mkfifo(tmp_path / "a/pipe")
    assert digest_submission(tmp_path / "a") != before


def test_no_two_submissions_have_one_digest(tmp_path):
    """Whatever stands in a file, it is not the name or the content of the next one."""
    write(tmp_path, "a/a.py", "a/b.py", "b/a.py", "b/b", "c/a.py", "d/b.py", content="X")
    write(tmp_path, "b/a.py", content="Xb.py\0Y")
    write(tmp_path, "a/b.py", content="Y")
    (tmp_path / "b/b").unlink()
    assert len({digest_submission(tmp_path / name) for name in "abcd"}) == 4
