"""The catalogue of misconceptions: what is refused, how it is listed, and the guide's page on adding to it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course.catalogue import list_headings, load_catalogue, load_catalogues
from grader.errors import CourseError

ROOT = Path(__file__).parents[2]
FILES = "checks/mistakes"
GUIDE = (ROOT / "docs/instructor-guide.md").read_text().split("## Add a misconception\n")[1].split("\n## ")[0]
BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```", re.M | re.S)


def test_a_variant_is_of_its_misconceptions_function_and_a_right_way_costs_nothing(toy):
    catalogue = load_catalogue(toy.manifest, "Q1")
    (misconception,) = catalogue.misconceptions
    wrong, right = catalogue.variants
    assert (misconception.id, misconception.section) == ("area_is_a_length", "Rectangles: Area")
    assert misconception.sentence.startswith("Your areas equal widths plus heights. A sum")
    assert misconception.variants == [wrong]
    assert (wrong.function, wrong.misconception, len(wrong.costs)) == ("shapes.area", "area_is_a_length", 12)
    assert (right.id, right.misconception, right.costs) == ("area_written_differently", "", [])


def test_the_change_may_stand_in_a_helper(toy):
    toy.replace(f"{FILES}/q1.toml", "find = ", 'function = "shapes.squares"\nfind = ')
    catalogue = load_catalogue(toy.manifest, "Q1")
    assert (catalogue.misconceptions[0].function, catalogue.variants[0].function) == ("shapes.area", "shapes.squares")


LONG = " ".join(["word"] * 41)
FAULTS = [
    (
        "Your areas equal",
        f"{LONG} Your areas equal",
        "misconception area_is_a_length: its sentence has 57 words, and 40",
    ),
    ('section = "Rectangles: Area"', 'section = "Rectangles: Areas"', "has no heading 'Areas'; did you mean Area?"),
    ('section = "Rectangles: Area"', 'section = "Rectangle: Area"', "of the manifest; did you mean Rectangles?"),
    ('section = "Rectangles: Area"', 'section = "Area"', 'write section = "notebook: heading"'),
    ('section = "Rectangles: Area"\n', "", "misconception area_is_a_length: section '' begins with no notebook"),
    ('section = "Rectangles: Area"', 'section = "Rectangles: "', "has no heading ''; copy one from there"),
    ('"area_written_differently"', '"area_adds"', "right way area_adds: this id stands in q1.toml already; rename one"),
    (
        'length"\nfunction = "shapes.area"',
        'length"\nfunction = "shapes.areas"',
        "misconception area_is_a_length: the manifest has no function 'shapes.areas'; did you mean shapes.area?",
    ),
    (
        '"\ntitle = "half',
        '"\ntilte = "half',
        "area_is_a_length.variant area_adds.tilte: unknown key; did you mean title?",
    ),
    (
        "[[right_way]]\n",
        "[[right_way]]\ncosts = []\n",
        "line 29: right_way area_written_differently.costs: unknown key; the keys here are id,",
    ),
    ("[[right_way]]\n", "[[right_way]\n", "line 28: not valid TOML: "),
    (
        'id = "area_is_a_length"',
        "id = 7",
        "misconception #1.id: expected `str`, got `int`; give it such a value",
    ),
]


@pytest.mark.parametrize("old, new, sentence", FAULTS)
def test_a_fault_names_file_entry_and_remedy(toy, old, new, sentence):
    toy.replace(f"{FILES}/q1.toml", old, new)
    with pytest.raises(CourseError) as caught:
        load_catalogue(toy.manifest, "Q1")
    assert str(caught.value).startswith(f"{toy.root / FILES / 'q1.toml'}: ")
    assert sentence in str(caught.value)
    assert ";" in str(caught.value)


@pytest.mark.parametrize("costs", ["costs = []", ""], ids=["an empty list", "no list"])
def test_a_variant_that_costs_nothing_is_refused(toy, costs):
    file = toy.root / FILES / "q1.toml"
    file.write_text(re.sub(r"costs = \[.*?^\]", costs, file.read_text(), flags=re.M | re.S))
    with pytest.raises(CourseError, match=r"variant area_adds: it costs nothing; .* or make it a \[\[right_way\]\]"):
        load_catalogue(toy.manifest, "Q1")


def test_a_misconception_without_a_variant_or_a_sentence_is_refused(toy):
    lone = '[[misconception]]\nid = "lone"\nfunction = "shapes.area"\nsection = "Rectangles: Area"\nsentence = "{}"\n'
    toy.write(f"{FILES}/q1.toml", lone.format("Alone."))
    with pytest.raises(
        CourseError, match=r"misconception lone: it has no variant; add a \[\[misconception.variant\]\]"
    ):
        load_catalogue(toy.manifest, "Q1")
    toy.write(f"{FILES}/q1.toml", lone.format(" "))
    with pytest.raises(CourseError, match=r"misconception lone: its sentence has 0 words, .* say what equals what"):
        load_catalogue(toy.manifest, "Q1")


def test_an_id_that_two_files_have_is_refused(toy):
    toy.replace(f"{FILES}/q2.toml", '"moments_cancel"', '"area_is_a_length"')
    with pytest.raises(
        CourseError, match=r"q2.toml: misconception area_is_a_length: this id stands in q1.toml already"
    ):
        load_catalogues(toy.manifest)


def test_a_heading_that_stands_twice_needs_the_one_above(toy):
    source = "# %% [markdown]\n# # Title\n# ## One\n# ### Backward\n# ## Two\n# ### Backward\n# %%\n# # no heading\n"
    assert list_headings(source) == [
        ("Title",),
        ("Title", "One"),
        ("Title", "One", "Backward"),
        ("Title", "Two"),
        ("Title", "Two", "Backward"),
    ]
    toy.write("notebooks/source/Rectangles.py", source)
    toy.replace(f"{FILES}/q1.toml", "Rectangles: Area", "Rectangles: Backward")
    with pytest.raises(CourseError, match="may be 'One: Backward', 'Two: Backward'; write the heading above"):
        load_catalogue(toy.manifest, "Q1")
    toy.replace(f"{FILES}/q1.toml", "Rectangles: Backward", "Rectangles: Two: Backward")
    assert load_catalogue(toy.manifest, "Q1").misconceptions


def test_a_course_without_notebooks_needs_no_section(toy):
    toy.replace("assignment.toml", 'notebooks = ["Rectangles"]\n', "")
    file = toy.root / FILES / "q1.toml"
    file.write_text(re.sub(r"section = .*\n", "", file.read_text()))
    assert load_catalogue(toy.manifest, "Q1").misconceptions[0].section == ""


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_list_shows_what_a_misconception_costs_and_teaches(command):
    status, out, err = command("mistakes", "--list")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "shapes.area  (1 misconception, 1 variant)",
        "  area_is_a_length  (3 points, 1 variant)",
        "    Your areas equal widths plus heights. A sum of lengths is a length, not an area.",
        "    Rectangles: Area",
        "shapes.moments  (2 misconceptions, 2 variants)",
        "  moments_of_a_population  (2 points, 1 variant)",
        "    Your variance equals one divided by N - 1. That estimates a population's; here the sample's own is asked.",
        "    Rectangles: Rectangles",
        "  moments_cancel  (1 point, 1 variant)",
        "    Your variance equals a difference of two squares. Far from zero both are large, and their digits cancel.",
        "    Rectangles: Rectangles",
        "",
        "3 misconceptions, 3 variants",
    ]


def test_the_list_says_between_what_the_cheapest_and_the_dearest_variant_cost(toy, command):
    variant = '[[misconception.variant]]\nid = "{}"\ntitle = "t"\nfind = "a"\ncosts = [{}]\n'
    dear = '"q2_moments/moments_mean", "q2_moments/moments_variance"'
    file = toy.root / FILES / "q2.toml"
    file.write_text(f"{file.read_text()}\n{variant.format('dear', dear)}")
    status, out, _ = command("mistakes", "--list", "-q", "Q2", "--id", "moments_cancel")
    assert (status, out.splitlines()[:2]) == (
        0,
        ["shapes.moments  (1 misconception, 2 variants)", "  moments_cancel  (1 to 2 points, 2 variants)"],
    )
    assert out.splitlines()[-1] == "1 misconception, 2 variants"


def test_the_list_refuses_a_cost_that_is_no_check(toy, command):
    toy.replace(f"{FILES}/q1.toml", "area_of_squares", "area_of_square")
    status, out, err = command("mistakes", "--list")
    assert (status, out) == (2, "")
    assert "q1.toml: variant area_adds: there is no check 'hidden/q1_rectangles/area_of_square'; did you mean" in err


def test_the_list_refuses_the_id_of_a_right_way(command):
    status, out, err = command("mistakes", "--list", "--id", "area_written_differently")
    assert (status, out) == (2, "")
    assert "'area_written_differently' is a right way, and the list holds misconceptions; leave --list out" in err


def test_without_it_the_command_plants_all_variants_of_a_misconception(command):
    status, out, _ = command("mistakes", "--id", "moments_cancel")
    assert (status, out.splitlines()[0]) == (0, "moments_of_large_numbers_cancels  as expected")


# --- the guide ------------------------------------------------------------------------------------------------------


def test_the_page_on_adding_one_does_what_it_says(tmp_path):
    for folder in ("grader", "reference", "tests", "notebooks/source"):
        ignored = shutil.ignore_patterns("__pycache__", "datasets")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "assignment.toml", tmp_path)
    file = tmp_path / re.search(r"Add to `(\S+)`", GUIDE)[1]
    kinds = []
    for kind, block in BLOCK.findall(GUIDE):
        kinds.append(kind)
        if kind == "toml":
            old, entry = file.read_text(), 'costs = ["?"]\n'
            file.write_text(old.replace(entry, block) if entry in old else f"{old}\n{block}")
            continue
        typed, *lines = block.splitlines()
        words = re.fullmatch(r'\$ make mistakes ARGS="(.*)"', typed)[1].split()
        done = subprocess.run(
            [sys.executable, "-m", "grader", "mistakes", *words], cwd=tmp_path, capture_output=True, text=True
        )
        for line in lines:
            assert line in done.stdout, done.stdout + done.stderr
    assert kinds == ["toml", "console", "toml", "console", "console"]
