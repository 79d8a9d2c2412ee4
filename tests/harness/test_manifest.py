"""A manifest, a marker or a check file that is wrong is told in one sentence: file, key, remedy."""

import re

import pytest

from grader.course import manifest as manifests
from grader.errors import ChecksError, ManifestError, UsageError

Q1, Q2, TIMED = "checks/public/test_q1_rectangles.py", "checks/public/test_q2_moments.py", ", timing=True"

WRONG = {
    "unknown key": ("points = 8", "points = 8\npionts = 3", "pionts: unknown key; remove it or fix its spelling"),
    "unknown key in a question": (
        'slug = "moments"',
        'slug = "moments"\ncolour = "red"',
        "questions[1].colour: unknown key; remove it or fix its spelling",
    ),
    "unknown key in a table": ("secret = 2", "secert = 2", "seeds.secert: unknown key; remove it"),
    "wrong type": ("points = 8", 'points = "eight"', "points: expected `int`, got `str`; give the value that type"),
    "wrong type in a question": (
        "public_points = 4",
        "public_points = true",
        "questions[1].public_points: expected `int | float`, got `bool`; give the value that type",
    ),
    "wrong type of a function": ('["shapes.area"]', "[7]", "questions[0].functions[0]: expected `str`, got `int`"),
    "missing key": ('title = "A course of two functions"\n', "", "title: missing; add this key"),
    "missing key of a question": ('slug = "rectangles"\n', "", "questions[0].slug: missing; add this key"),
    "question twice": ('id = "Q2"', 'id = "Q1"', "questions Q1.id: stands twice; give each question an id of its own"),
    "id that is no file name": ('id = "Q2"', 'id = "Q/2"', "questions Q/2.slug: id and slug become a file name"),
    "slug that is no file name": ('slug = "moments"', 'slug = "../m"', "questions Q2.slug: id and slug become a file"),
    "function twice": ('["shapes.moments"]', '["shapes.area"]', "questions Q2.functions: shapes.area stands twice"),
    "negative points": (
        "public_points = 4",
        "public_points = -4",
        "questions Q2.points: negative or not a number; give 0 or more",
    ),
    "points that are no number": (
        "public_points = 4",
        "public_points = nan",
        "questions Q2.points: negative or not a number",
    ),
    "totals": ("points = 8", "points = 9", "points: the questions add up to 8, not 9; fix one of them"),
    "fractions": ("public_points = 4", "public_points = 4.1", "points: the questions add up to 8.1, not 8"),
    "no TOML": ("points = 8", "points = = 8", "not valid TOML"),
    "layer without backward pass": (
        "[seeds]",
        '[[layers]]\nforward = "shapes.area"\nbackward = []\n\n[seeds]',
        "layers shapes.area.backward: none; name the backward passes that take its cache",
    ),
    "layer of an unknown function": (
        "[seeds]",
        '[[layers]]\nforward = "shapes.area"\nbackward = ["shapes.edge"]\n\n[seeds]',
        "layers shapes.area: no question lists shapes.edge; fix one of them",
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
    "visibility": ("[seeds]", '[report]\npublic_visibility = "shown"\n[seeds]', "report.public_visibility: invalid"),
}


@pytest.mark.parametrize("old, new, sentence", WRONG.values(), ids=WRONG)
def test_wrong_manifest(toy, command, old, new, sentence):
    text = (toy.root / "assignment.toml").read_text()
    (toy.root / "assignment.toml").write_text(
        text.replace(f"\n{old}", f"\n{new}") if old == "points = 8" else text.replace(old, new)
    )
    with pytest.raises(ManifestError) as error:
        manifests.load_manifest(toy.root / manifests.FILENAME)
    assert str(error.value).startswith(f"{toy.root / 'assignment.toml'}: ")
    assert sentence in str(error.value)
    assert ";" in str(error.value)
    status, out, err = command("check")
    assert (status, out) == (2, "")
    assert f"cannot run: {error.value}" in err


def test_manifest_that_cannot_be_read(tmp_path):
    with pytest.raises(ManifestError, match=r"nowhere.toml: cannot be read \(No such file.*\); check the path"):
        manifests.load_manifest(tmp_path / "nowhere.toml")


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
        f"{Q1}: test_area[1] judges shapes.aera, which no question lists; fix one of them",
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
    with pytest.raises(ChecksError) as error:
        toy.grade()
    assert sentence in str(error.value)


def test_check_file_that_no_question_has(toy):
    (toy.root / Q2).rename(toy.root / "checks/public/test_q2_moment.py")
    with pytest.raises(
        ChecksError, match=re.escape("questions Q2.public_points: the public checks add up to 0, not 4")
    ):
        toy.grade()


def test_no_checks_at_all(toy):
    for folder in ("public", "hidden"):
        (toy.root / "checks" / folder).rename(toy.root / folder)
    with pytest.raises(ChecksError, match=r"there are no checks in .*public; restore them"):
        toy.grade()


def test_points_of_a_selection_are_not_compared(toy):
    toy.replace("assignment.toml", "public_points = 4", "public_points = 3")
    toy.replace("assignment.toml", "\npoints = 8", "\npoints = 7")
    assert toy.grade(questions=["Q2"], keyword="mean").max_score == 1
