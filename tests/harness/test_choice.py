"""Checks are chosen by id, keyword and function; a word that means none is named, with what comes nearest."""

import json

import pytest

from grader.checks.choice import Keyword, Selection
from grader.course import manifest as manifests
from grader.errors import UsageError
from grader.grading import run
from grader.results.record import CheckResult, Outcome, shorten
from tests.harness.test_cli import ROOT

REAL = manifests.load_manifest(ROOT / "assignment.toml")


def made(name: str, title: str = "", function: str = "shapes.area", question: str = "Q1", file="q1_rectangles"):
    return CheckResult(
        id=f"{file}/{name}",
        title=title,
        functions=[function],
        question=question,
        visibility="public",
        points=1,
        score=0,
        outcome=Outcome.FAILED,
    )


CHECKS = [
    made("area[1]", "area multiplies the sides of 1 rectangles"),
    made("area[10]", "area multiplies the sides of 10 rectangles"),
    made("area_of_nothing", "area is 0 where a side is"),
    made("net_loss", "the loss is right", "nets.Net.loss", "Q2", "q2_moments"),
    made("net_loss", "the loss is right for a single row", "nets.Net.loss", "Q2", "hidden/q2_moments"),
    made("net_loss[W b-3]", "the loss regularizes W and b", "nets.Net.loss", "Q2", "q2_moments"),
]


@pytest.mark.parametrize(
    "text, places",
    [
        ("Q1.area.1", [0]),
        ("q1.AREA.1", [0]),
        ("Q1.area[1]", [0]),
        ("q1_rectangles/area[1]", [0]),
        ("area[1]", [0]),
        ("area", [0, 1, 2]),
        ("test_area", [0, 1, 2]),
        ("Q2.net_loss", [3, 4]),
        ("hidden/q2_moments/net_loss", [4]),
        ("hidden", [4]),
        ("Q2.net_loss.W_b-3", [5]),
        ("net_loss[W b-3]", [5]),
        ("single row", [4]),
        ("the loss is  right", [3, 4]),
        ("Net.loss and not right", [5]),
        ("sides of 10 or (regularizes and W)", [1, 5]),
        ("not (area or single row)", [3, 5]),
        ("area or unheard_of", [0, 1, 2]),
    ],
)
def test_keyword_means_ids_titles_and_functions(text, places):
    assert Keyword(text).select(CHECKS) == [CHECKS[place] for place in places]


@pytest.mark.parametrize("text", ["(", "and", "area and", "area (sides)", "not", "area or (sides", "a or b (c)"])
def test_keyword_that_cannot_be_read(text):
    with pytest.raises(UsageError, match="cannot be read; join words by and, or, not and parentheses"):
        Keyword(text)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("aera_of_nothing", "no check here has 'aera_of_nothing' in its id or title; did you mean area_of_nothing?"),
        ("Q2.nett_loss", "did you mean Q2.net_loss?"),
        ("multiplys", "did you mean multiplies?"),
        ("area and qqqqqq", "no check here has 'qqqqqq' in its id or title; check --list lists them all"),
        ("area and loss", "no check here matches -k 'area and loss' as a whole; check --list lists them all"),
    ],
)
def test_keyword_that_means_nothing_gets_what_comes_nearest(text, sentence):
    with pytest.raises(UsageError) as told:
        Keyword(text).select(CHECKS)
    assert sentence in str(told.value)


@pytest.mark.parametrize("name", ["a[b]", "net_gradients[W b]", "x['a'-$HOME]", "y[a;b|c*?]", "z[(1, 2)]"])
def test_short_id_needs_no_quotes_in_a_shell(name):
    assert not set(shorten(name)) & set(" []'\"$;|*?(){}<>&!#~`\\")


def test_every_check_of_the_assignment_has_a_short_id_that_means_it_alone():
    checks = [c for c in run.collect_checks(REAL, Selection()) if c.visibility == "public"]
    assert len(checks) > 250
    assert len({check.short_id for check in checks}) == len(checks)
    for check in checks:
        assert Keyword(check.short_id).select(checks) == [check]


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["-k", "aera"], "no check here has 'aera' in its id or title; did you mean area? check --list lists them all"),
        (["-k", "(area"], "-k '(area' cannot be read"),
        (["--function", "shapes.aera"], "there is no function 'shapes.aera'; did you mean shapes.area?"),
        (["--function", "aera"], "there is no function 'aera'; did you mean area?"),
        (["--function", "mo"], "there is no function 'mo'; did you mean moments? check --list lists them all"),
        (["--function", ""], "there is no function ''; check --list lists them all"),
        (["--function", "Q1.aera.1"], "there is no check 'Q1.aera.1' here; did you mean Q1.area.1?"),
        (["--list", "--first"], "--list and --first contradict each other; leave one of them out"),
        (["--list", "--seed", "0"], "--list and --seed contradict each other"),
        (["-q", "Q2", "-k", "Q1.area.1"], "no check of Q2 has 'Q1.area.1' in its id or title; "),
        (["-q", "Q2", "-k", "rectangles"], "leave out -q to look in all questions; check --list lists them all"),
        (["-q", "Q2", "-k", "area and sides"], "no check of Q2 has 'area' in its id or title; "),
        (["--function", "shapes"], "there is no function 'shapes'; did you mean shapes."),
        (["student/shapes.py"], "shapes needs an option before it: check -k shapes"),
        (["Q1"], "Q1 needs an option before it: check -q Q1"),
        (["q2", "--first"], "q2 needs an option before it: check -q Q2"),
        (["moments"], "moments needs an option before it: check --function moments"),
        (["the sides"], "'the sides' needs an option before it: check -k 'the sides'"),
        (["--json", "assignment.toml/new/r.json"], "assignment.toml is no folder; give another place"),
    ],
)
def test_word_that_means_nothing_ends_check_before_anything_is_run(toy, command, words, sentence):
    toy.write("student/shapes.py", "import os\nos.mkdir('ran')\n")
    status, out, err = command("check", *words)
    assert (status, out) == (2, "")
    assert err.startswith("cannot run: ") and err.count("\n") == 1
    assert sentence in err


def test_list_prints_id_points_function_and_title(command):
    status, out, err = command("check", "--list", "-k", "moments", "--function", "moments")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Q2.moments_mean  (1)  shapes.moments"
    assert lines[1].startswith("    ")
    assert "Q2.moments_far_from_zero  (1, hidden)  shapes.moments" in lines
    assert lines[-1] == "4 checks of 1 function, 5 points"


def test_failure_names_the_id_by_which_it_is_run_again(toy, command):
    toy.write("student/shapes.py", "def area(width, height):\n    return width + height\n")
    status, out, _ = command("check", "-q", "Q1", "-k", "sides of 1 rectangles")
    assert status == 1
    assert "failed  area multiplies the sides of 1 rectangles  (-0.1)  Q1.area.1\n" in out
    for words in (["-k", "Q1.area.1"], ["-k", "Q1.area.1", "--function", "area"]):
        assert "0 of 1 checks passed" in command("check", *words)[1]
    assert "0 of 12 checks passed" in command("check", "--function", "Q1.area.1")[1]


def test_first_stops_at_the_first_failure_and_the_record_says_so(toy, command):
    text = "def area(width, height):\n    return width * height if len(width) < 3 else width\n"
    toy.write("student/shapes.py", text)
    status, out, _ = command("check", "--first", "--json", "r.json")
    found = json.loads((toy.root / "r.json").read_text())
    outcomes = [check["outcome"] for check in found["checks"]]
    assert (status, outcomes[-1], set(outcomes[:-1])) == (1, "failed", {"passed"})
    assert not found["complete"]
    left = 16 - len(outcomes)
    note = {"kind": "stopped", "text": f"Stopped at the first failure; {left} of 16 checks were not run."}
    assert note in found["notes"] and note["text"] in out


def test_first_passes_by_what_is_not_written(toy, command):
    unwritten = "def area(width, height):\n    raise NotImplementedError\n\n\n"
    toy.write("student/shapes.py", f"{unwritten}def moments(x):\n    return x.mean(axis=0) + 1, x.var(axis=0)\n")
    status, out, _ = command("check", "--first", "--no-timing")
    assert status == 1
    assert "Q2.moments_mean" in out and "were not run" in out


def test_first_passes_by_what_the_grader_stumbles_over(toy, command):
    stumbling = 'if n == 1:\n        raise RuntimeError("the check is at fault")\n'
    toy.replace("checks/public/test_q1_rectangles.py", "    sides =", f"    {stumbling}    sides =")
    toy.write("student/shapes.py", "def area(width, height):\n    return width * height if len(width) < 3 else width\n")
    command("check", "--first", "--json", "r.json")
    found = json.loads((toy.root / "r.json").read_text())
    assert [check["outcome"] for check in found["checks"]] == ["grader_error", "passed", "failed"]


def test_first_stops_at_a_module_that_cannot_be_imported(toy, command):
    toy.write("student/shapes.py", "def area(width, height)\n    return width\n")
    status, out, _ = command("check", "--first")
    assert (status, "15 of 16 checks were not run" in out) == (1, True)


def test_first_is_a_whole_run_where_nothing_fails(toy, command):
    status, out, _ = command("check", "--first", "--student", "solution", "-q", "Q1")
    assert (status, "not run" in out) == (0, False)


def test_the_checks_of_functions_ahead_run_first_and_are_recorded_in_their_place(toy):
    order: list[list[str]] = []

    def tell(checks, total):
        order.extend(check.functions for check in checks[-1:])

    selection = Selection(timing=False, ahead=["shapes.moments"])
    found = run.grade_package(toy.manifest, toy.root / "solution", selection, zygotes=toy.zygotes, tell=tell)
    assert order[0] == ["shapes.moments"] and len(order) == 15
    assert order == sorted(order, key=lambda functions: functions != ["shapes.moments"])
    assert [check.functions for check in found.checks][:12] == [["shapes.area"]] * 12
