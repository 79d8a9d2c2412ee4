"""Gradebooks: filled by ID, refused where they do not fit, no name a formula, days late to the exact fraction."""

import csv
import io
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pandas
import pytest

from grader.classroom.gradebook import count_days, disarm, find_marks, write_gradebook
from grader.classroom.sources import ExportedSubmission
from grader.classroom.store import Store
from grader.classroom.view import Batch, JobEnding, Person, State
from grader.course.schema import Late
from grader.errors import OutputError, UsageError
from grader.results.record import Record
from tests.harness.made_class import DUE, HOSTILE, fill_store

LATE = Late(due=DUE.isoformat(), grace_minutes=30, per_day=12.5, cap=50)


@pytest.fixture
def store(tmp_path):
    with fill_store(tmp_path / "class", 120, checks=12) as made:
        yield made


@pytest.fixture
def small(tmp_path, request):
    """Three students of a course worth 8 points: in time, 25 hours late, and late at a time that nobody knows.

    Their export is Canvas's, or that of the parameter.
    """
    kind = getattr(request, "param", "canvas")
    with Store.create(tmp_path / "class", Batch("A course", 8, kind, tmp_path, ("ab",))) as made:
        entries = [
            ("a", Person("Ada", "s1", "ada@example.org", "11"), DUE.isoformat(), False),
            ("b", Person("Bob", "s2", "bob@example.org", "12"), (DUE + timedelta(hours=25)).isoformat(), True),
            ("c", Person("Cy", "s3", "cy@example.org", "13"), "", True),
        ]
        made.add([ExportedSubmission(key, tmp_path, (who,), when, late) for key, who, when, late in entries])
        for key, score in (("a", 7.25), ("b", 6.1), ("c", 0.3)):
            record = Record(assignment="A course", command="grade", submission=key, score=score, max_score=8)
            made.finish([JobEnding(key, State.GRADED, record)])
        yield made


def write(store, form, tmp_path, late=None, **options):
    out = tmp_path / "out.csv"
    return out, list(write_gradebook(store, late or Late(), form, out, **options))


def export(tmp_path, text: str, coding: str = "utf-8-sig") -> Path:
    file = tmp_path / "exported.csv"
    file.write_bytes(text.encode(coding))
    return file


CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Essay (1),A course (2),Current Score\n"
    "    Points Possible,,,,,20,8.00,(read only)\n"
    '"Lovelace, Ada",11,s1,ada,S,1,,\n'
    '"=cmd|calc!A0, Bob",12,s2,bob,S,2,3,\n'
    '"Nobody, Ann",99,s9,ann,S,3,5.5,\n'
    '"Student, Test",100,,x,S,,,\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments\n"
    "Participant 13,Cy,cy@example.org,Submitted,-,8.00,\n"
    "Participant 11,Ada,ada@example.org,Submitted,,8.00,\n"
)


def test_canvas_is_filled_by_id_and_the_export_stays(small, tmp_path):
    file = export(tmp_path, CANVAS)
    before = file.read_bytes()
    out, said = write(small, "canvas", tmp_path, into=file)
    found = pandas.read_csv(out, dtype=str, keep_default_na=False)
    assert list(found.columns) == CANVAS.splitlines()[0].split(",")
    assert list(found["A course (2)"]) == ["8.00", "7.25", "6.1", "5.5", ""]
    assert list(found["Essay (1)"]) == ["20", "1", "2", "3", ""]
    assert found["Student"][2] == "'=cmd|calc!A0, Bob" and found["Student"][1] == "Lovelace, Ada"
    assert file.read_bytes() == before and out.read_bytes().startswith(b"\xef\xbb\xbf")
    assert said[:2] == [f"written: {out} (2 of 3 marks in A course (2), by ID)", f"not in {file}: Cy"]


def test_canvas_with_semicolons_is_filled_as_it_is(small, tmp_path):
    file = export(tmp_path, "Student;ID;A course (2)\nAda;11;\n", "utf-8")
    out, _ = write(small, "canvas", tmp_path, into=file)
    assert out.read_bytes() == b"Student;ID;A course (2)\r\nAda;11;7.25\r\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Student;ID;Lab 1, 2, 3, 4 and 5 (1);A course (2)\n    Points Possible;;1;8,00\nAda;11;;\n", "Ada;11;;7,25"),
        ('"Name, given";ID;A course (2)\n"Lovelace, Ada";11;\n', "Lovelace, Ada;11;7.25"),
        ('"Student";"ID";"Lab 1, 2, and 3 (1)";"A course (2)"\n"Ada";"11";"";""\n', "Ada;11;;7.25"),
        ("LastName,FirstName,ID,A course (2)\n    Points Possible,,,8\nLovelace,Ada,11,\n", "Lovelace,Ada,11,7.25"),
    ],
    ids=["commas in titles", "a comma in the first cell", "all in quotes", "two columns of names"],
)
def test_each_form_of_canvas_s_export_is_read(small, tmp_path, text, written):
    out, _ = write(small, "canvas", tmp_path, into=export(tmp_path, text))
    assert out.read_text("utf-8-sig").splitlines()[-1] == written


@pytest.mark.parametrize("word", ["EX", "N/A"])
def test_who_is_excused_in_canvas_or_not_assigned_stays_so_and_is_named(small, tmp_path, word):
    text = CANVAS.replace("ada,S,1,,", f"ada,S,1,{word},")
    out, said = write(small, "canvas", tmp_path, into=export(tmp_path, text))
    assert list(pandas.read_csv(out, dtype=str, keep_default_na=False)["A course (2)"])[1:3] == [word, "6.1"]
    assert said[0].startswith(f"written: {out} (1 of 3 marks") and "excused or not assigned there, so kept: Ada" in said


def test_rows_of_canvas_that_are_no_student_stay_as_they_are(small, tmp_path):
    """Manual posting, points possible, the test student, whom the class does not know; lines end as on Windows."""
    others = [["", "", "Manual Posting", ""], ["    Points Possible", "", "8", "(read only)"]]
    others += [["Student, Test", "100", "", ""], ["Nobody", "99", "5.5", "B"]]
    lines = [["Student", "ID", "A course (2)", "Final Grade"], *others[:2], ["Bob", "12", "1", "C"], *others[2:]]
    out, said = write(small, "canvas", tmp_path, into=export(tmp_path, "\r\n".join(map(";".join, lines))))
    found = list(csv.reader(io.StringIO(out.read_text("utf-8-sig"), newline=""), delimiter=";"))
    assert found == [*lines[:3], ["Bob", "12", "6.1", "C"], *others[2:]]
    assert said[1].endswith(": Ada, Cy")


def test_students_of_another_platform_are_found_by_their_other_ids(store, tmp_path):
    lines = ["Student,ID,SIS User ID,SIS Login ID,A made assignment (5)"]
    lines += [f"x,,S{n:06},,,"[:-1] if n % 2 else f"x,,,s{n:06}@example.org," for n in range(120)]
    out, said = write(store, "canvas", tmp_path, into=export(tmp_path, "\n".join(lines)))
    marks = {mark.person.sid: mark.points for mark in find_marks(store, Late())}
    found = pandas.read_csv(out, dtype=str, keep_default_na=False)["A made assignment (5)"]
    for number, text in enumerate(found):
        assert text == "" if f"s{number:06}" not in marks else Fraction(text) == marks[f"s{number:06}"]
    assert sum(map(bool, found)) == 118 and "(118 of 126 marks in A made assignment (5), by ID)" in said[0]


@pytest.mark.parametrize("small", ["moodle"], indirect=True)
def test_moodle_is_filled_by_participant(small, tmp_path):
    out, _ = write(small, "moodle", tmp_path, into=export(tmp_path, MOODLE))
    found = pandas.read_csv(out, dtype=str, keep_default_na=False)
    assert list(found["Grade"]) == ["0.3", "7.25"]


@pytest.mark.parametrize(
    ("form", "text", "options", "words"),
    [
        ("canvas", MOODLE, {}, "is no gradebook of Canvas: it has no column 'ID'; export it there"),
        ("canvas", CANVAS.replace("Essay (1)", "ID"), {}, "has two columns 'ID'; export it again"),
        ("moodle", CANVAS, {}, "of Moodle: it has no column 'Identifier' and 'Grade'; download.* in English"),
        ("canvas", "ID,Student,A course (2)\n,    Points Possible,10\n11,Ada,\n", {}, "worth 10 there, and 8 here"),
        ("canvas", CANVAS.replace("8.00", "10"), {}, r"A course \(2\) is worth 10 there, and 8 here; make them the"),
        ("moodle", MOODLE.replace("8.00", "100"), {}, "Grade is worth 100 there, and 8 here"),
        ("canvas", CANVAS.replace("8.00", "8e999999999"), {}, r"A course \(2\) is worth 8e999999999 there"),
        ("canvas", CANVAS.replace("A course", "Lab"), {}, r"Name one with --column; there are: Essay \(1\), Lab \(2\)"),
        ("canvas", CANVAS, {"column": "Lab"}, "which column is the assignment's"),
        ("canvas", CANVAS.replace("99", "11"), {}, "ID 11 stands in rows 3 and 5; fix the gradebook"),
        ("canvas", CANVAS.replace("12,", "").replace("11,", ""), {}, "row 3 has 7 cells, and the first row has 8"),
        ("canvas", CANVAS.replace(",11,s1,ada", ",1,s,a").replace(",12,s2,bob", ",2,s,a"), {}, "; give one of this"),
        ("canvas", "", {}, "is no gradebook of Canvas"),
        ("canvas", '"unclosed', {}, "cannot be read as CSV in UTF-8"),
    ],
)  # fmt: skip
def test_file_that_does_not_fit_is_refused_in_one_sentence(small, tmp_path, form, text, options, words):
    file = export(tmp_path, text)
    with pytest.raises(UsageError, match=words) as found:
        write(small, form, tmp_path, into=file, **options)
    assert "\n" not in str(found.value) and not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('"Lovelace, Ada",11,s1\n', "row 6 has 3 cells, and the first row has 8"),
        ('"Lovelace, Ada",11,s1,ada,S,1,,\n', "ID 11 stands in rows 4 and 6; fix the gradebook"),
        ("x,77,s2,,S,1,,\n", "row 6 would get two marks, of Bob, Cy; fix the IDs in the export"),
    ],
)
def test_rows_are_numbered_as_a_spreadsheet_numbers_them(small, tmp_path, row, words):
    """Blank rows count there, and a line break in a cell does not."""
    header, points, ada, *_ = CANVAS.splitlines(keepends=True)
    small.add([ExportedSubmission("c", tmp_path, (Person("Cy", user="77"),))])
    small.finish([JobEnding("c", State.GRADED, Record(assignment="", command="grade", submission="c", score=1))])
    file = export(tmp_path, header + points + ",,,,,,,\n" + ada.replace("Ada", "Ada\n") + "\n" + row)
    with pytest.raises(UsageError, match=words):
        write(small, "canvas", tmp_path, into=file)


def test_file_in_another_coding_is_refused(small, tmp_path):
    with pytest.raises(UsageError, match="cannot be read as CSV in UTF-8"):
        write(small, "canvas", tmp_path, into=export(tmp_path, "Student;ID\nZoë;1", "latin-1"))


@pytest.mark.parametrize(("name", "words"), [("nowhere.csv", "No such file"), ("class", "no regular file")])
def test_file_that_cannot_be_read_is_named(small, tmp_path, name, words):
    with pytest.raises(UsageError, match=rf"{name} cannot be read \(.*{words}.*\); give the file that was exported"):
        write(small, "canvas", tmp_path, into=tmp_path / name)


def test_gradebook_to_fill_has_to_be_given(small, tmp_path):
    with pytest.raises(UsageError, match="give the gradebook of Moodle to fill with --into; download the grading"):
        write(small, "moodle", tmp_path)


@pytest.mark.parametrize(
    ("kind", "who", "form", "words"),
    [
        ("folder", Person("ada"), "canvas", "an ID that Canvas knows, since a folder gives names only; grade"),
        ("folder", Person("ada"), "moodle", "grade the submissions that Moodle lets you download"),
        ("canvas", Person("Ada", user="11"), "moodle", "since Canvas's files give only its own"),
        ("gradescope", Person("Ada"), "moodle", "since Gradescope's metadata name neither number nor address"),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_class_without_ids_of_a_platform_is_told_so(tmp_path, kind, who, form, words, given):
    """Whatever gradebook is given, nobody of this class is found in it."""
    with Store.create(tmp_path / "class", Batch("A course", 8, kind, tmp_path, ())) as made:
        made.add([ExportedSubmission("a", tmp_path, (who,))])
        made.finish([JobEnding("a", State.GRADED, Record(assignment="", command="grade", submission="a", score=1))])
        file = export(tmp_path, CANVAS if form == "canvas" else MOODLE)
        with pytest.raises(UsageError, match=words):
            write(made, form, tmp_path, into=file if given else None)


def test_two_students_of_one_row_are_refused(small, tmp_path):
    file = export(tmp_path, "Student,ID,SIS User ID,A course (2)\nx,11,s2,\n")
    with pytest.raises(UsageError, match="row 2 would get two marks, of Ada, Bob; fix the IDs in the export"):
        write(small, "canvas", tmp_path, into=file)


def test_nothing_of_anybody_else_is_written_over(small, tmp_path):
    file = export(tmp_path, CANVAS)
    with pytest.raises(OutputError, match="is what this command reads, and would be lost"):
        list(write_gradebook(small, Late(), "canvas", file, file))
    (tmp_path / "mine.csv").write_text("x")
    with pytest.raises(OutputError, match="is there already and is no gradebook of this command's"):
        list(write_gradebook(small, Late(), "csv", tmp_path / "mine.csv"))
    own = small.file.parent / "gradebook-csv.csv"
    for _ in range(2):
        list(write_gradebook(small, Late(), "csv", own))
    assert file.read_text("utf-8-sig") == CANVAS and (tmp_path / "mine.csv").read_text() == "x"


def test_store_and_other_files_of_the_class_are_not_written_over(small, tmp_path):
    before = small.file.read_bytes()
    (small.file.parent / "canvas.csv").write_text(CANVAS)
    for name in (small.file.name, "canvas.csv"):
        with pytest.raises(OutputError, match="is there already and is no gradebook of this command's; move it away"):
            list(write_gradebook(small, Late(), "csv", small.file.parent / name))
    assert small.file.read_bytes() == before and (small.file.parent / "canvas.csv").read_text() == CANVAS


def test_table_of_this_command_may_be_written_again_anywhere(small, tmp_path):
    for _ in range(2):
        out, _ = write(small, "csv", tmp_path)
    assert "Ada" in out.read_text()


def test_submission_that_a_new_export_replaces_gives_no_mark(small, tmp_path):
    """On Canvas each file has a new name, and the export has no times: the better mark would win."""
    again = ExportedSubmission("a-1", tmp_path, (Person("Ada", user="11"),))
    others = [ExportedSubmission(key, tmp_path, (Person(key, user=user),)) for key, user in (("b", "12"), ("c", "13"))]
    small.add([again, *others])
    assert {one.key: one.state for one in small.submissions()}["a"] is State.SUPERSEDED
    small.finish([JobEnding("a-1", State.GRADED, Record(assignment="", command="grade", submission="a-1", score=2))])
    assert {mark.person.user: mark.points for mark in find_marks(small, Late())}["11"] == 2


def test_no_older_mark_stands_for_a_newer_submission_without_one(small, tmp_path):
    pair = Person("Ada", "s1", "ada@example.org", "11"), Person("Dee", "s4", "", "14")
    entries = [ExportedSubmission("d", tmp_path, pair, DUE.isoformat())]
    entries += [ExportedSubmission("e", tmp_path, pair[:1], (DUE + timedelta(minutes=1)).isoformat())]
    small.add(entries)
    small.finish([JobEnding("d", State.GRADED, Record(assignment="", command="grade", submission="d", score=1))])
    small.finish([JobEnding("e", State.FAILED, problem="its process was killed")])
    assert {mark.person.name for mark in find_marks(small, Late())} == {"Dee", "Bob", "Cy"}


def test_own_table_is_read_back(store, tmp_path):
    out, said = write(store, "csv", tmp_path, LATE)
    found = pandas.read_csv(out, dtype=str, keep_default_na=False)
    questions = [name for name in found.columns if name.startswith("Q")]
    assert len(found) == 126 and questions == [f"Q{n}" for n in range(1, 7)]
    for line in found.to_dict("records"):
        points = sum(Fraction(line[name]) for name in questions)
        assert points == Fraction(line["Points"])
        assert Fraction(line["Mark"]) == max(0, points - Fraction(line["Deduction"]))
    assert said[1].startswith("no mark yet, since not graded: ") and said[2].startswith("points held by grader errors")


def test_table_of_gradescope_is_read_back(store, tmp_path):
    out, _ = write(store, "gradescope", tmp_path, LATE)
    found = pandas.read_csv(out, dtype={"Submission ID": str})
    assert list(found.columns)[:6] == ["First Name", "Last Name", "SID", "Email", "Sections", "Total Score"]
    by_sid = {mark.person.sid: mark for mark in find_marks(store, LATE)}
    for line in found.to_dict("records"):
        mark = by_sid[line["SID"]]
        assert line["Total Score"] == float(mark.points)
        assert f"submission_{line['Submission ID']}" == mark.submission.key
    assert sum(found["Lateness (H:M:S)"] != "00:00:00") == 14


@pytest.mark.parametrize("form", ["csv", "gradescope"])
def test_no_name_becomes_a_formula(tmp_path, form):
    with fill_store(tmp_path / "class", len(HOSTILE), checks=6, hostile=True) as store:
        out, _ = write(store, form, tmp_path)
    lines = list(csv.reader(io.StringIO(out.read_text(), newline="")))
    assert len(lines) == 1 + len(HOSTILE)
    cells = [cell for line in lines for cell in line]
    assert not [cell for cell in cells if cell.strip()[:1] in tuple("=+-@") and cell]
    if form == "csv":
        assert [line[0].removeprefix("'") for line in lines[1:]] == HOSTILE


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("Ada", "Ada"), ("-1.5", "-1.5"), ("-", "-"), ("+1+1", "'+1+1"), (" =1", "' =1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("＝1+1", "'＝1+1"), ("\r=1", "'\r=1"), ("50%", "50%"), ("", ""), ("a=b", "a=b"),
        ("    Points Possible", "    Points Possible"), ("-2+3", "'-2+3"), ("\n=1", "'\n=1"),
    ],
)  # fmt: skip
def test_formulas_are_disarmed(cell, shown):
    assert disarm(cell) == shown


@pytest.mark.parametrize(
    ("minutes", "days"), [(-5, 0), (0, 0), (30, 0), (31, 1), (24 * 60, 1), (24 * 60 + 1, 2), (9999 * 60, 417)]
)
def test_days_are_counted_from_the_due_time_once_the_grace_is_over(minutes, days):
    submitted = (DUE + timedelta(minutes=minutes)).isoformat()
    assert count_days(LATE, submitted) == (timedelta(minutes=max(0, minutes)), days)


def test_a_time_of_another_zone_is_the_same_moment():
    assert count_days(LATE, "2026-03-03T02:00:00+02:00")[0] == timedelta(minutes=1)


def test_late_days_cost_exact_fractions(small, tmp_path):
    out, said = write(small, "csv", tmp_path, LATE)
    found = pandas.read_csv(out, dtype=str)
    assert list(found["Deduction"]) == ["0", "2", "0"] and list(found["Mark"]) == ["7.25", "4.1", "0.3"]
    assert said[1:] == [
        "late at a time that the export does not tell, nothing deducted: Cy", "1 mark lowered for days late",
    ]  # fmt: skip


@pytest.mark.parametrize("small", ["moodle", "folder", "gradescope", "canvas"], indirect=True)
def test_who_may_be_late_at_a_time_that_nobody_knows_is_named(small, tmp_path):
    """Moodle and a folder tell no times, and no mark says who is late; Canvas marks these."""
    people = Person("Dee", "s4", "", "14"), Person("Eve", "s5", "", "15")
    small.add([ExportedSubmission(person.name, tmp_path, (person,)) for person in people])
    record = Record(assignment="", command="grade", submission="", score=1)
    small.finish([JobEnding(person.name, State.GRADED, record) for person in people])
    told = "the export tells no time, so nothing is deducted for days late: Dee, Eve"
    assert (told in write(small, "csv", tmp_path, LATE)[1]) == (small.batch().kind != "canvas")
    assert told not in write(small, "csv", tmp_path)[1]


def test_each_mark_loses_percents_of_the_points_that_it_was_graded_for(small, tmp_path):
    """One submission was graded again since the course became worth more."""
    record = Record(assignment="A course", command="grade", submission="a", score=100, max_score=150)
    small.finish([JobEnding("a", State.GRADED, record)])
    out, said = write(small, "csv", tmp_path, LATE)
    found = pandas.read_csv(out, dtype=str)
    assert list(found["Mark"]) == ["100", "4.1", "0.3"] and list(found["Max"]) == ["150", "8", "8"]
    assert list(pandas.read_csv(write(small, "gradescope", tmp_path)[0])["Max Points"]) == [150, 8, 8]
    folder = tmp_path / "class"
    told = f"of another maximum than 150: Bob, Cy; python -m grader class regrade --changed --folder {folder}"
    assert told in said


def test_no_more_than_the_cap_and_all_points_are_lost(small):
    hard = Late(due="2025-01-01T00:00:00+00:00", per_day=30, cap=100)
    assert [mark.points for mark in find_marks(small, hard)] == [0, 0, Fraction("0.3")]
    capped = Late(due="2025-01-01T00:00:00+00:00", per_day=33.3, cap=33.4)
    assert next(mark.points for mark in find_marks(small, capped)) == Fraction("7.25") - 8 * Fraction("0.334")


def test_who_stands_on_two_submissions_gets_the_later_ones_mark(small, tmp_path):
    pair = Person("Ada", "s1", "ada@example.org", "11"), Person("Dee", "s4", "", "14")
    later = (DUE + timedelta(minutes=1)).isoformat()
    small.add([ExportedSubmission("d", tmp_path, pair, later)])
    small.finish([JobEnding("d", State.GRADED, Record(assignment="", command="grade", submission="d", score=1))])
    assert {mark.person.name: mark.points for mark in find_marks(small, Late())} == {
        "Ada": 1, "Dee": 1, "Bob": Fraction("6.1"), "Cy": Fraction("0.3"),
    }  # fmt: skip


def test_person_with_fewer_ids_on_one_submission_is_the_same_person(small, tmp_path):
    later = (DUE + timedelta(minutes=1)).isoformat()
    small.add([ExportedSubmission("d", tmp_path, (Person("Ada L.", email="Ada@Example.org"),), later)])
    small.finish([JobEnding("d", State.GRADED, Record(assignment="", command="grade", submission="d", score=1))])
    assert [mark.points for mark in find_marks(small, Late()) if mark.person.name.startswith("Ada")] == [1]


def test_ids_that_differ_keep_two_people_apart(small, tmp_path):
    """An address that two students share says nothing about a third submission that has only this."""
    shared = "team@example.org"
    people = Person("Dee", "s4", shared), Person("Eve", "s5", shared), Person("Fay", "", shared)
    small.add([ExportedSubmission(person.name, tmp_path, (person,)) for person in people])
    record = Record(assignment="", command="grade", submission="", score=1)
    small.finish([JobEnding(person.name, State.GRADED, record) for person in people])
    assert {mark.person.name for mark in find_marks(small, Late())} >= {"Dee", "Eve", "Fay"}


@pytest.mark.parametrize(
    "people, told",
    [
        ([Person("Dee", "s4"), Person("Dee", "", "dee@x.org"), Person("Bob", "s9", "b@x.org", "19")], "Dee"),
        ([Person("Dee", "s4", "t@x.org"), Person("Eve", "s5", "t@x.org"), Person("Dee", "", "t@x.org")], "Dee"),
        ([Person("Dee", "s4"), Person("Dee", "s5")], ""),
        ([Person("", "s4"), Person("", "", "dee@x.org")], ""),
    ],
    ids=["no kind in common", "an address that two share", "different numbers", "no names"],
)
def test_people_called_alike_whom_no_id_tells_apart_are_named(small, tmp_path, people, told):
    small.add([ExportedSubmission(f"d{number}", tmp_path, (one,)) for number, one in enumerate(people)])
    record = Record(assignment="", command="grade", submission="", score=1)
    small.finish([JobEnding(f"d{number}", State.GRADED, record) for number in range(len(people))])
    words = "called alike, and no ID says whether they are one person, so each has a mark: "
    said = [line for line in write(small, "csv", tmp_path)[1] if line.startswith("called alike")]
    assert said == [f"{words}{told}"] * bool(told)


def test_a_group_is_named_once(store, tmp_path):
    said = write(store, "csv", tmp_path)[1]
    (held,) = [line for line in said if line.startswith("points held")]
    late = next(line for line in said if "no [late]" in line)
    names = late.partition(": ")[2].partition(" and ")[0].split(", ")
    assert held.count(", ") == 1 and len(names) == len(set(names))


def test_class_without_a_mark_is_told(tmp_path):
    with (
        Store.create(tmp_path, Batch("A course", 8, "folder", tmp_path, ())) as empty,
        pytest.raises(UsageError, match="nobody has a mark yet; grade the class first"),
    ):
        write(empty, "csv", tmp_path)


def test_command_writes_into_the_class(command, toy):
    with fill_store(toy.root / "class", 5, checks=6):
        pass
    status, said, problem = command("class", "gradebook")
    assert status == 0 and said.startswith("written: class/gradebook-csv.csv (5 marks)"), problem
    assert command("class", "gradebook", "--into", "x.csv")[0] == 2
    assert command("class", "gradebook", "--format", "moodle", "--column", "x")[0] == 2


def test_command_shows_the_one_submission_that_is_not_superseded(command, toy):
    with fill_store(toy.root / "class", 2, checks=6, names=["Ada", "Bob"]) as made:
        ada, bob = made.submissions()
        made.add([ExportedSubmission("again", toy.root, ada.people), ExportedSubmission(bob.key, toy.root, bob.people)])
        made.finish([JobEnding("again", State.GRADED, made.record(bob.id))])
    status, said, _ = command("class", "show", "Ada")
    assert status == 0 and "superseded by a later one" in said and "Total: " in said


def test_number_of_another_platform_is_nobodys_number_here(small, tmp_path):
    """Canvas's user 11 is not Moodle's participant 11."""
    other = MOODLE.replace("ada@example.org", "eve@example.org").replace("Participant 13", "Participant 77")
    out, said = write(small, "moodle", tmp_path, into=export(tmp_path, other))
    assert list(pandas.read_csv(out, dtype=str, keep_default_na=False)["Grade"]) == ["0.3", ""]
    assert f"not in {tmp_path / 'exported.csv'}: Ada, Bob" in said


@pytest.mark.parametrize(("most", "mark"), [("8,0", ""), ("8", "0,00")], ids=["points", "only a zero"])
def test_decimal_commas_stay_decimal_commas(small, tmp_path, most, mark):
    text = f"Student;ID;A course (2)\n    Points Possible;;{most}\nAda;11;{mark}\nBob;12;3\n"
    out, _ = write(small, "canvas", tmp_path, into=export(tmp_path, text))
    assert out.read_text("utf-8-sig").splitlines()[1:] == [f"    Points Possible;;{most}", "Ada;11;7,25", "Bob;12;6,1"]


def test_person_is_found_by_an_id_that_stands_on_an_earlier_submission(tmp_path):
    with Store.create(tmp_path / "class", Batch("A course", 8, "gradescope", tmp_path, ("ab",))) as made:
        times = [(DUE - timedelta(days=days)).isoformat() for days in (2, 1)]
        people = Person("Ada", "s1", "ada@example.org"), Person("Ada", "", "ada@example.org")
        entries = zip(("a", "b"), people, times, strict=True)
        made.add([ExportedSubmission(key, tmp_path, (who,), when) for key, who, when in entries])
        for key, score in (("a", 3), ("b", 5)):
            record = Record(assignment="A course", command="grade", submission=key, score=score, max_score=8)
            made.finish([JobEnding(key, State.GRADED, record)])
        out, _ = write(made, "canvas", tmp_path, into=export(tmp_path, "Student,ID,SIS User ID,A course (2)\nx,7,s1,"))
        assert out.read_text("utf-8-sig").splitlines()[1] == "x,7,s1,5"
