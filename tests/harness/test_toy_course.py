"""The engine grades a course of two functions that it has never heard of, and knows nothing of the one beside it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from grader.course.catalogue import Variant, copy_reference, load_catalogue, plant
from grader.errors import CourseError
from grader.grading import mistakes

ROOT = Path(__file__).parents[2]
CHECKS = 16
TOY = Path(__file__).with_name("toy")


def test_reference_earns_every_point(toy):
    record = toy.grade("solution", secret_seeds=["one", "two"])
    assert (record.score, record.max_score, len(record.checks)) == (8, 8, CHECKS)
    assert {check.outcome for check in record.checks} == {"passed"}
    assert record.complete
    assert [(q.id, q.score, q.max_score) for q in record.questions] == [("Q1", 3, 3), ("Q2", 5, 5)]


def test_a_debugger_of_plain_pytest_finds_what_the_check_drew(toy):
    toy.write("conftest.py", 'pytest_plugins = ["grader.checks.plugin"]\n')
    toy.replace("student/shapes.py", 'raise NotImplementedError("shapes.area")', "return np.float64(-1.0)")
    words = [sys.executable, "-m", "pytest", "checks/public/test_q1_rectangles.py", "-k", "10", "--pdb", "--rootdir=."]
    steps = "up\np len(sides)\n" * 9 + "q\n"
    done = subprocess.run(words, cwd=toy.root, input=steps, capture_output=True, text=True, timeout=60)
    assert "(Pdb) 2\n" in done.stdout, done.stdout


def test_stubs_earn_nothing_and_are_blamed_for_nothing(toy):
    record = toy.grade()
    assert (record.score, record.max_score, len(record.checks)) == (0, 8, CHECKS)
    assert {check.outcome for check in record.checks} <= {"not_attempted", "blocked"}
    (note,) = [note for note in record.notes if note.kind == "next"]
    place = "shapes.area in place of its raise (student/shapes.py, line 10)"
    assert note.text == f"Next: write {place}, then run this again."


def test_a_wrong_function_comes_before_a_later_one_that_is_not_written(toy):
    module = toy.root / "student" / "shapes.py"
    module.write_text(module.read_text().replace('raise NotImplementedError("shapes.area")', "return None"))
    (note,) = [note for note in toy.grade().notes if note.kind == "next"]
    assert note.text == "Next: fix shapes.area, then run this again."


def test_a_package_may_have_another_of_the_names(toy):
    (toy.root / "student").rename(toy.root / "mywork")
    assert {check.outcome for check in toy.grade("mywork", questions=["Q1"]).checks} == {"not_attempted"}


def test_wrong_on_secret_seeds_only(toy):
    """An answer recorded for the published inputs is found out by inputs nobody has seen."""
    fixed = (
        "import numpy as np\n\ndef area(width, height):\n    return {answer} if len(width) == 1 else width * height\n"
    )
    toy.write("student/shapes.py", fixed.format(answer="np.array([2.0])"))
    answer = re.search(r"expected ([\d.e-]+)", toy.outcomes(questions=["Q1"], keyword="area[1]")["area[1]"].message)[1]
    toy.replace("checks/public/test_q1_rectangles.py", "rel=1e-12", "rel=1e-5")
    toy.write("student/shapes.py", fixed.format(answer=f"np.array([{answer}])"))
    assert toy.outcomes(questions=["Q1"], keyword="area[1]")["area[1]"].outcome == "passed"
    secret = toy.outcomes(questions=["Q1"], keyword="area[1]", secret_seeds=["nobody has seen"])["area[1]"]
    assert (secret.outcome, secret.score) == ("failed", 0)
    assert secret.message.startswith("right on the published inputs, wrong on others: area: relative error")
    assert "expected" not in secret.message


def test_other_draws_for_other_seeds_and_checks(toy):
    toy.write("student/shapes.py", "def area(width, height):\n    return 0 * width\n")
    messages = [toy.outcomes(questions=["Q1"], seed=seed)["area[3]"].message for seed in (1, 1, 2)]
    values = [re.search(r"expected ([\d.e-]+)", message)[1] for message in messages]
    assert values[0] == values[1] != values[2]
    assert "seed 2" in messages[2]


def test_hidden_messages_betray_nothing(toy):
    toy.replace("solution/shapes.py", "areas_of_rectangles = width", "areas_of_rectangles = 1 + width")
    (toy.root / "solution").rename(toy.root / "student/mywork")
    shutil.copytree(TOY / "solution", toy.root / "solution")
    checks = toy.grade("student/mywork", questions=["Q1"]).checks
    hidden = [check for check in checks if check.visibility == "hidden"]
    assert [check.outcome for check in hidden] == ["failed", "failed"]
    for check in hidden:
        assert re.fullmatch(r"area: relative error (about 1e[+-]\d\d|above 10) \(allowed 1e-12\)", check.message)
        assert "expected" in check.detail


@pytest.mark.parametrize("make_judge", [mistakes.make_judge, lambda *_: None], ids=["in a fork", "as a submission"])
@pytest.mark.parametrize("question", ["Q1", "Q2"])
def test_planted_mistakes_cost_what_they_should(toy, question, make_judge):
    judge = make_judge(toy.manifest, question)
    for variant in load_catalogue(toy.manifest, question).variants:
        trial = mistakes.try_mistake(toy.manifest, variant, question, toy.zygotes, judge)
        assert trial.as_expected, (variant.id, trial.lost ^ set(variant.costs))


def test_mistakes_are_tried_by_checks_with_fixtures_of_their_own(toy, command):
    file = "checks/public/test_q1_rectangles.py"
    fixture = "@pytest.fixture\ndef sides(rng, n):\n    return rng.rand(n), rng.rand(n)\n"
    toy.replace(file, "@points(0.1", f"{fixture}\n\n@points(0.1")
    toy.replace(file, "reference, rng, n):", "reference, sides):")
    toy.replace(file, "    sides = rng.rand(n), rng.rand(n)\n", "")
    status, out, _ = command("mistakes", "-q", "Q1")
    assert (status, out.count("  as expected")) == (0, 2)


def test_mistake_that_costs_something_else_is_noticed(toy, command):
    toy.replace("checks/mistakes/q2.toml", 'costs = ["hidden', 'costs = ["q2_moments/moments_mean", "hidden')
    status, out, _ = command("mistakes", "-q", "Q2", "--id", "moments_of_large_numbers_cancels")
    assert status == 1
    assert "moments_of_large_numbers_cancels  not as expected" in out
    assert "- q2_moments/moments_mean: passed although it should not" in out


@pytest.mark.parametrize(
    "question, wrong, sentence",
    [
        (
            "Q1",
            'expect(1.0, "area").to_equal(2.0)',
            "q1_rectangles/wrong does not pass with the reference (failed: area: ",
        ),
        (
            "Q2",
            'expect(1.0, "area").to_equal(2.0)',
            "q2_moments/wrong does not pass with the reference (failed: area: ",
        ),
        ("Q1", "__import__('os')._exit(1)", "the reference does not come through the checks of Q1; see what check "),
    ],
)
def test_no_mistake_is_tried_where_the_reference_fails_a_check(toy, command, question, wrong, sentence):
    (file,) = (toy.root / "checks/public").glob(f"test_{question.lower()}_*.py")
    function = {"Q1": "shapes.area", "Q2": "shapes.moments"}[question]
    check = f'@points(0, "{function}")\ndef test_wrong(student, reference):\n    """it is wrong"""\n    {wrong}\n'
    file.write_text(f"{file.read_text()}\n\n{check}")
    status, _, err = command("mistakes", "-q", question)
    assert status == 2
    assert f"no mistake is tried, since {sentence}" in " ".join(err.split())


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        (
            "width * height",
            "width ** height",
            "mistake area_adds: 0 places match `find` in shapes.area; it must be one",
        ),
        ("find", 'function = "shapes.circle"\nfind', "mistake area_adds: circle: no function of that name"),
        ("find", 'function = "forms.area"\nfind', "mistake area_adds: forms.area: no module of that name in"),
    ],
)
def test_mistake_that_cannot_be_planted(toy, old, new, sentence):
    file = toy.root / "checks/mistakes/q1.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(CourseError, match=re.escape(sentence)):
        first = load_catalogue(toy.manifest, "Q1").variants[0]
        mistakes.try_mistake(toy.manifest, first, "Q1", toy.zygotes)


@pytest.mark.parametrize("function", ["shapes.area", "shapes.squares"], ids=["in place of a region", "of given code"])
def test_body_of_a_mistake_stands_below_the_docstring(toy, function):
    package = copy_reference(toy.manifest, toy.root / "planted")
    before = (package / "shapes.py").read_text()
    name = function.removeprefix("shapes.")
    body = "\nif True:\n    return 7\n"
    plant(Variant("seven", "7", function, body=body), package)
    after = (package / "shapes.py").read_text()
    signature, docstring = before[before.index(f"def {name}(") :].splitlines()[:2]
    assert f"{signature}\n{docstring}\n    if True:\n        return 7\n" in after
    assert {line for line in after.splitlines() if line.startswith("def ")} == {
        line for line in before.splitlines() if line.startswith("def ")
    }
    scope = {}
    exec(after, scope)
    assert scope[name](*[2] * (2 if name == "area" else 1)) == 7


def test_question_without_mistakes_is_named(toy):
    (toy.root / "checks/mistakes/q2.toml").unlink()
    with pytest.raises(CourseError, match="there are no known mistakes for Q2; write this file"):
        load_catalogue(toy.manifest, "Q2")


def test_demo_plants_grades_and_shows(toy, command):
    toy.replace("checks/mistakes/q2.toml", "the variance divided by N - 1", "variance[of x] divided by N - 1")
    status, out, _ = command("demo", "--out", "demo.zip")
    assert status == 0
    assert "demo.zip holds the reference with 1 mistakes planted" in out
    assert "shapes.moments: variance[of x] divided by N - 1" in out
    assert "Total: 6 of 8 points" in out
    assert (toy.root / "demo.json").is_file()
    assert not (toy.root / "results.json").exists()  # which may be that of a submission


def test_demo_with_an_unknown_mistake(toy, command):
    toy.replace("assignment.toml", "moments_divides_by_n_minus_1", "nobody_makes_this")
    status, _, err = command("demo")
    assert (status, "there is no mistake 'nobody_makes_this' in checks/mistakes; fix the name" in err) == (2, True)
    toy.replace("assignment.toml", "nobody_makes_this", "moments_divide_by_n_minus_1")
    assert "did you mean moments_divides_by_n_minus_1?" in command("demo")[2]


def test_engine_knows_no_content():
    """No function or module of the assignment is named anywhere in the engine."""
    manifest = manifests.load_manifest(ROOT / manifests.FILENAME)
    names = {part for name in manifest.functions() for part in name.split(".")}
    names -= {"__init__", "loss", "forward", "optim", "layers"}  # words of any library and of isolation
    assert len(names) > 30
    for file in sorted((ROOT / "grader").rglob("*.py")):
        text = file.read_text()
        words = set(re.findall(r"\w+", text))
        assert not names & words, f"{file.name} names {sorted(names & words)}"
        assert not [name for name in manifest.functions() if name in text]


def test_a_run_ends_within_its_time_whatever_one_check_does(toy):
    toy.replace("assignment.toml", "run_seconds = 60", "wall_seconds = 3")
    toy.write("solution/shapes.py", "import time\n" + (toy.root / "solution/shapes.py").read_text())
    toy.replace("solution/shapes.py", "    areas_of_rectangles", "    time.sleep(0.5)\n    areas_of_rectangles")
    found = toy.grade("solution", questions=["Q1"])
    assert found.score < found.max_score
    assert {check.outcome for check in found.checks} <= {"passed", "timeout"}


def test_what_checks_share_is_loaded_again_in_each_run(toy):
    toy.write("checks/public/shared.py", "FACTOR = 1\n")
    first = "from grader.checks import expect, points\n"
    toy.replace("checks/public/test_q1_rectangles.py", first, f"{first}from checks.public.shared import FACTOR\n")
    toy.replace("checks/public/test_q1_rectangles.py", "to_match(reference", "to_match(FACTOR * reference")
    assert toy.outcomes("solution", keyword="area[1]")["area[1]"].outcome == "passed"
    toy.write("checks/public/shared.py", "FACTOR = 2\n")
    assert toy.outcomes("solution", keyword="area[1]")["area[1]"].outcome == "failed"


def test_checks_of_speed_draw_all_their_inputs_from_a_secret_seed_where_there_is_one(toy, tmp_path):
    file = "checks/public/test_q2_moments.py"
    note = f"    open({str(tmp_path / 'draws')!r}, 'a').write(f'{{rng.rand()}} ')\n"
    toy.replace(file, "    race(lambda package, rng", f"{note}    race(lambda package, rng")
    toy.replace(file, "def test_moments_speed(race)", "def test_moments_speed(rng, race)")
    for secrets in [], ["a"], ["b"], ["a", "c"], []:
        toy.outcomes("solution", keyword="moments_speed", secret_seeds=secrets)
    draws = (tmp_path / "draws").read_text().split()
    assert len(set(draws)) == 3 and draws[1] == draws[3] and draws[0] == draws[4]


def test_inputs_of_a_secret_seed_come_from_more_bits_than_a_table_tells_apart(toy, tmp_path):
    note = f"    open({str(tmp_path / 'kinds')!r}, 'a').write(f'{{type(rng._bit_generator).__name__}} ')\n"
    toy.replace("checks/public/test_q1_rectangles.py", "    sides = ", f"{note}    sides = ")
    assert toy.outcomes("solution", keyword="area[1]", secret_seeds=["one", "two"])["area[1]"].outcome == "passed"
    assert (tmp_path / "kinds").read_text().split() == ["MT19937", "Philox", "Philox"]
