"""A manifest, a marker or a check file that is wrong is told in one sentence: file, key, remedy."""

import contextlib
import re
import shutil

import pytest

from grader.course import manifest as manifests
from grader.errors import CourseError, UsageError

Q1, Q2, TIMED = "checks/public/test_q1_rectangles.py", "checks/public/test_q2_moments.py", ", timing=True"

WRONG = {
    "unknown key": ("points = 8", "points = 8\npionts = 3", "line 3: pionts: unknown key; did you mean points?"),
    "unknown key in a question": (
        'slug = "moments"',
        'slug = "moments"\ncolour = "red"',
        "questions Q2.colour: unknown key; the keys here are id, slug, title, functions, public_points, hidden_points, "
        "libraries",
    ),
    "unknown key in a table": ("secret = 2", "secert = 2", "line 24: seeds.secert: unknown key; did you mean secret?"),
    "wrong type": (
        "points = 8",
        'points = "eight"',
        "line 2: points: expected `int`, got `str`; give it such a value",
    ),
    "wrong type in a question": (
        "public_points = 4",
        "public_points = true",
        "questions Q2.public_points: expected `int | float`, got `bool`; give it such a value",
    ),
    "wrong type of a function": (
        '["shapes.area"]',
        "[7]",
        "questions Q1.functions[0]: expected `str`, got `int`; give it such a value",
    ),
    "missing key": ('title = "A course of two functions"\n', "", "title: missing; add this key"),
    "missing key of a question": ('slug = "rectangles"\n', "", "questions Q1.slug: missing; add this key"),
    "question twice": ('id = "Q2"', 'id = "Q1"', "questions Q1.id: stands twice; give each question an id of its own"),
    "id that is no file name": ('id = "Q2"', 'id = "Q/2"', "questions Q/2.slug: id and slug become a file name"),
    "slug that is no file name": ('slug = "moments"', 'slug = "../m"', "questions Q2.slug: id and slug become a file"),
    "function twice": ('["shapes.moments"]', '["shapes.area"]', "questions Q2.functions: shapes.area stands twice"),
    "negative points": (
        "public_points = 4",
        "public_points = -4",
        "questions Q2.public_points: expected `int` >= 0; give it such a value",
    ),
    "points that are no number": (
        "public_points = 4",
        "public_points = nan",
        "questions Q2.public_points: expected `float` >= 0.0; give it such a value",
    ),
    "due time without a zone": (
        "points = 8",
        'points = 8\nlate.due = "2026-03-02 23:59"',
        "late.due: '2026-03-02 23:59'; write a time with its zone, such as '2026-03-02T23:59:00+01:00'",
    ),
    "due time of TOML without a zone": (
        "points = 8",
        "points = 8\nlate.due = 2026-03-02 23:59:00",
        "late.due: '2026-03-02T23:59:00'; write a time with its zone, such as '2026-03-02T23:59:00+01:00'",
    ),
    "due time that is none": ("points = 8", 'points = 8\nlate.due = "Monday"', "late.due: 'Monday'; write a time with"),
    "cost of days late without a due time": ("points = 8", "points = 8\nlate.per_day = 10", "late.due: missing; write"),
    "cap beyond all points": ("points = 8", "points = 8\nlate.cap = 150", "late.cap: 150; give a percentage, 0 to 100"),
    "more a day than all points": ("points = 8", "points = 8\nlate.per_day = 100.5", "late.per_day: 100.5; give"),
    "endless grace": (
        "points = 8",
        "points = 8\nlate.grace_minutes = 9000000",
        "late.grace_minutes: expected `int` <= 1000000;",
    ),
    "grace of no time": (
        "points = 8",
        "points = 8\nlate.grace_minutes = -1",
        "late.grace_minutes: expected `int` >= 0;",
    ),
    "totals": ("points = 8", "points = 9", "points: the questions add up to 8, not 9 (Q1 3, Q2 5); fix one of them"),
    "fractions": ("public_points = 4", "public_points = 4.1", "points: the questions add up to 8.1, not 8"),
    "no TOML": (
        "points = 8",
        "points = = 8",
        "line 2: not valid TOML: Invalid value; fix that line: points = = 8",
    ),
    "no quote": ('title = "Rectangles"', 'title = "Rectangles', 'fix that line: title = "Rectangles'),
    "key twice": (
        'slug = "moments"',
        'slug = "moments"\nslug = "x"',
        "Cannot overwrite a value; fix that line: slug =",
    ),
    "table without its s": ('[[questions]]\nid = "Q2"', '[[question]]\nid = "Q2"', "did you mean questions?"),
    "text for a list": (
        'functions = ["shapes.moments"]',
        'functions = "shapes.moments"',
        "questions Q2.functions: expected `array`, got `str`; give it such a value",
    ),
    "missing id": ('id = "Q2"\n', "", "questions #2.id: missing; add this key"),
    "no package": (
        'packages = ["student", "mywork"]',
        "packages = []",
        "submission.packages: student is not in it, the folder that students get; add it",
    ),
    "another package": (
        'packages = ["student", "mywork"]',
        'packages = ["mywork"]',
        "submission.packages: student is not in it",
    ),
    "slug of another file": (
        'slug = "moments"',
        'slug = "moment"',
        "questions Q2.slug: there is no test_q2_moment.py; did you mean test_q2_moments.py?",
    ),
    "required file that nobody has": (
        'required = ["shapes.py"]',
        'required = ["shapez.py"]',
        "submission.required: neither solution nor student has shapez.py; did you mean shapes.py?",
    ),
    "required file like none": (
        'required = ["shapes.py"]',
        'required = ["shapes.py", "weights.bin"]',
        "submission.required: neither solution nor student has weights.bin; fix the name, or put the file into",
    ),
    "function that the reference calls otherwise": (
        'functions = ["shapes.moments"]',
        'functions = ["shapes.moment"]',
        "questions Q2.functions: there is no shapes.moment; did you mean shapes.moments?",
    ),
    "notebook of another name": (
        'notebooks = ["Rectangles"]',
        'notebooks = ["Rectangle"]',
        "notebooks: there is no Rectangle; did you mean Rectangles?",
    ),
    "folder of another name": (
        'public = "checks/public"',
        'public = "checks/publik"',
        "paths.public: there is no publik; did you mean public?",
    ),
    "layer without backward pass": (
        "[seeds]",
        '[[layers]]\nforward = "shapes.area"\nbackward = []\n\n[seeds]',
        "layers shapes.area.backward: none; name the backward passes that take its cache",
    ),
    "layer of an unknown function": (
        "[seeds]",
        '[[layers]]\nforward = "shapes.area"\nbackward = ["shapes.edge"]\n\n[seeds]',
        "layers shapes.area: no question lists shapes.edge; did you mean shapes.area?",
    ),
    "pass of two layers": (
        "[seeds]",
        '[[layers]]\nforward = "shapes.area"\nbackward = ["shapes.area"]\n\n[seeds]',
        "layers shapes.area: shapes.area stands twice; a pass belongs to one layer",
    ),
    "layer like an unknown one": (
        "[seeds]",
        '[[layers]]\nforward = "shapes.area"\nbackward = ["shapes.moments"]\nsame_as = "shapes.edge"\n\n[seeds]',
        "layers shapes.area.same_as: shapes.edge is no forward pass of an entry without same_as; fix the name",
    ),
    "visibility": (
        "[seeds]",
        '[report]\npublic_visibility = "shown"\n[seeds]',
        "report.public_visibility: 'shown' is none of its values; write one of 'hidden', 'after_due_date', "
        "'after_published', 'visible'",
    ),
    "rows": ("[seeds]", '[report]\nrows = "functions"\n[seeds]', "write one of 'function', 'check'"),
}


@pytest.mark.parametrize("old, new, sentence", WRONG.values(), ids=WRONG)
def test_wrong_manifest(toy, command, old, new, sentence):
    text = (toy.root / "assignment.toml").read_text()
    (toy.root / "assignment.toml").write_text(
        text.replace(f"\n{old}", f"\n{new}") if old == "points = 8" else text.replace(old, new)
    )
    with pytest.raises(CourseError) as error:
        manifests.load_manifest(toy.root / manifests.FILENAME)
    assert str(error.value).startswith(f"{toy.root / 'assignment.toml'}: ")
    assert sentence in str(error.value)
    assert ";" in str(error.value)
    status, out, err = command("check")
    assert (status, out) == (2, "")
    assert f"cannot run: {error.value}" in err


def test_manifest_that_cannot_be_read(tmp_path):
    with pytest.raises(CourseError, match=r"nowhere.toml: cannot be read \(No such file.*\); check the path"):
        manifests.load_manifest(tmp_path / "nowhere.toml")


def test_time_is_text_with_and_without_quotes(toy):
    toy.replace("assignment.toml", "points = 8", "points = 8\nlate.due = 2026-03-28T23:59:00+01:00")
    assert toy.manifest.late.due == "2026-03-28T23:59:00+01:00"


def test_manifest_is_found_from_below(toy):
    assert manifests.find_manifest(toy.root / "checks/public") == toy.root / "assignment.toml"


def test_unknown_question_is_told_with_those_there_are(toy):
    with pytest.raises(UsageError, match="there is no question 'Q9'; choose from Q1, Q2"):
        toy.manifest.question("Q9")
    assert toy.manifest.question("q2").slug == "moments"


CHECKS = {
    "points of the public checks": (
        (
            Q2,
            '@points(1, "shapes.moments")\ndef test_moments_mean',
            '@points(1.5, "shapes.moments")\ndef test_moments_mean',
        ),
        "questions Q2.public_points: the public checks add up to 4.5, not 4; fix the checks' points or this key",
    ),
    "points of the hidden checks": (
        ("checks/hidden/test_q2_moments.py", "@points(1,", "@points(2,"),
        "questions Q2.hidden_points: the hidden checks add up to 2, not 1; fix the checks' points or this key",
    ),
    "unknown function": (
        (Q1, '"shapes.area")', '"shapes.aera")'),
        f"{Q1}: test_area[1] judges shapes.aera, which no question lists; did you mean shapes.area?",
    ),
    "no marker": (
        (Q1, '@points(0.1, "shapes.area")\n', ""),
        f"{Q1}: test_area[1] has no @points(value, function); add it",
    ),
    "marker without a function": (
        (Q1, '@points(0.1, "shapes.area")', "@points(0.1)"),
        "has no @points(value, function)",
    ),
    "marker without points": ((Q1, "@points(0.1, ", "@points("), "has no @points(value, function)"),
    "docstring with an unknown name": (
        (Q1, "of {n} rectangles", "of {m} rectangles"),
        "the docstring of test_area[1] may name n in braces, nothing else",
    ),
    "file that does not load": (
        (Q1, "import pytest", "import pytset"),
        "the checks cannot be loaded; fix this first:",
    ),
}


@pytest.mark.parametrize("change, sentence", CHECKS.values(), ids=CHECKS)
def test_checks_that_disagree_with_the_manifest(toy, change, sentence):
    toy.replace(*change)
    with pytest.raises(CourseError) as error:
        toy.grade()
    assert sentence in str(error.value)


def test_check_file_that_no_question_has(toy):
    (toy.root / Q2).rename(toy.root / "checks/public/test_q2_moment.py")
    with pytest.raises(CourseError, match=r"questions Q2.slug: there is no .*; did you mean test_q2_moment.py"):
        toy.grade()


def test_check_file_that_is_not_there(toy):
    (toy.root / Q2).unlink()
    sentence = "questions Q2.public_points: there is no checks/public/test_q2_moments.py; write it, or fix the slug"
    with pytest.raises(CourseError, match=re.escape(sentence)):
        toy.grade()


def test_manifest_may_be_ahead_of_its_files(toy):
    toy.replace("assignment.toml", '["shapes.moments"]', '["shapes.moments", "shapes.perimeter"]')
    toy.replace("assignment.toml", 'notebooks = ["Rectangles"]', 'notebooks = ["Rectangles", "Circles"]')
    (toy.root / Q2).unlink()
    assert "shapes.perimeter" in toy.manifest.functions()


def test_students_copy_is_not_told_what_only_the_instructor_can_repair(toy):
    shutil.rmtree(toy.root / "solution")
    (toy.root / Q2).rename(toy.root / "checks/public/test_q2_moments (1).py")
    (toy.root / "student/shapes.py").rename(toy.root / "student/shapes (1).py")
    assert toy.manifest.points == 8


def test_manifest_that_an_editor_of_windows_has_saved(toy):
    text = (toy.root / manifests.FILENAME).read_text()
    (toy.root / manifests.FILENAME).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert toy.manifest.points == 8


VALUES = ("3", '"x"', "true", "[]", "{}", "[1]", "nan", "-1", "{a = 1}", '[["a"]]', "[[1]]", "2026-01-01", '""', "x")


@pytest.mark.parametrize("value", VALUES)
def test_whatever_a_key_is_set_to_is_told_in_a_sentence(toy, value):
    lines = (toy.root / manifests.FILENAME).read_text().splitlines()
    for number, line in enumerate(lines):
        if "=" in line:
            changed = [*lines[:number], f"{line.partition('=')[0]}= {value}", *lines[number + 1 :]]
            (toy.root / manifests.FILENAME).write_text("\n".join(changed))
            with contextlib.suppress(CourseError):
                manifests.load_manifest(toy.root / manifests.FILENAME)


@pytest.mark.parametrize("change", ["drop", "double", "cut"])
def test_whatever_line_is_lost_or_doubled_is_told_with_what_to_do(toy, change):
    lines = (toy.root / manifests.FILENAME).read_text().splitlines(keepends=True)
    told = []
    for number in range(len(lines)):
        again = {"drop": [], "double": [lines[number]] * 2, "cut": [lines[number][: len(lines[number]) // 2], "\n"]}
        (toy.root / manifests.FILENAME).write_text("".join([*lines[:number], *again[change], *lines[number + 1 :]]))
        try:
            manifests.load_manifest(toy.root / manifests.FILENAME)
        except CourseError as error:
            told.append(str(error))
    assert len(told) > len(lines) // 3
    assert all(";" in sentence for sentence in told)


def test_manifest_that_is_no_text(tmp_path):
    (tmp_path / manifests.FILENAME).write_bytes(b'title = "x"\npoints = \xff\n')
    with pytest.raises(CourseError, match="line 2: not UTF-8; save the file in that encoding"):
        manifests.load_manifest(tmp_path / manifests.FILENAME)


TEXT = 'points = 8\n[seeds]  # two\nsecret = 2\n[[questions]]\nid = "Q1"\nslug = "a"\n[[questions]]\nslug = "b"\n'


@pytest.mark.parametrize(
    "place, line",
    [
        ("points", 1),
        ("seeds", 2),
        ("seeds.secret", 3),
        ("seeds.public", 2),
        ("questions Q1.slug", 6),
        ("questions Q1.points", 4),
        ("questions #2.slug[0]", 8),
        ("questions", 4),
        ("report.rows", 0),
        ("questions Q3.slug", 0),
    ],
)
def test_line_of_a_place(place, line):
    assert manifests.find_line(place, TEXT) == line


def test_no_checks_at_all(toy):
    for folder in ("public", "hidden"):
        (toy.root / "checks" / folder).rename(toy.root / folder)
    with pytest.raises(CourseError, match=r"there are no checks in .*public; restore them"):
        toy.grade()


def test_points_of_a_selection_are_not_compared(toy):
    toy.replace("assignment.toml", "public_points = 4", "public_points = 3")
    toy.replace("assignment.toml", "\npoints = 8", "\npoints = 7")
    assert toy.grade(questions=["Q2"], keyword="mean").max_score == 1
