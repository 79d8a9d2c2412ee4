"""Each check rejects a known-wrong implementation, which costs its own checks and no more; right variants cost nothing.

Right ways of writing a function are tried in one process. By default the five mistakes of a question that fail most are
tried as a student's work is; with --slow, all entries.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from grader.course.source import locate
from grader.grading import mistakes, run
from tests.harness.mutants.judge import with_judge

OPEN = {"challenge.build_model"}  # functions that have no right way, but better and worse ones
MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)


@pytest.fixture(scope="module", params=[question.id for question in MANIFEST.questions])
def question(request, zygotes):
    """A question's id and its checks as the reference leaves them."""
    record = run.grade_package(MANIFEST, MANIFEST.path("reference"), run.Selection([request.param]), zygotes=zygotes)
    return request.param, record.checks


def choice(known, checks, size=5):
    """One mistake after the other that fails most of the checks not failed yet."""
    left, chosen = set(checks), []
    for _ in range(size):
        best = max(known, key=lambda mistake: len(left.intersection(mistake.costs)))
        if best not in chosen:
            chosen.append(best)
        left.difference_update(best.costs)
    return chosen


def test_the_reference_passes_every_check(question):
    assert [(check.id, check.message) for check in question[1] if check.outcome != "passed"] == []


def test_every_check_rejects_some_mistake(question):
    name, checks = question
    rejected = {cost for mistake in mistakes.load_mistakes(MANIFEST, name) for cost in mistake.costs}
    assert {check.id for check in checks} == rejected


def test_a_mistake_that_costs_more_than_a_fifth_of_its_function_says_why(question):
    name, checks = question
    worth = {check.id: check.points for check in checks}
    silent = []
    for mistake in mistakes.load_mistakes(MANIFEST, name):
        possible = sum(check.points for check in checks if mistake.function in check.functions)
        if sum(worth[cost] for cost in mistake.costs) > possible / 5 + 1e-9 and not mistake.why:
            silent.append(mistake.id)
    assert silent == []


def rewritten(mistake):
    """The functions of the assignment that an entry writes in another way: its own, and those it appends."""
    names = {mistake.function.rsplit(".", 1)[-1]}
    for node in ast.parse(mistake.append).body:
        match node:
            case ast.FunctionDef(name):
                names.add(name)
            case ast.ClassDef(body=methods):
                names |= {method.name for method in methods if isinstance(method, ast.FunctionDef)}
            case ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
    module, _ = locate(MANIFEST.path("reference"), mistake.function)
    functions = [name for name in MANIFEST.functions() if name.rsplit(".", 1)[-1] in names]
    return {name for name in functions if locate(MANIFEST.path("reference"), name)[0] == module}


def test_each_function_has_three_right_ways_that_cost_nothing(question):
    name, checks = question
    judged = {function for check in checks for function in check.functions} - OPEN
    right = [mistake for mistake in mistakes.load_mistakes(MANIFEST, name) if not mistake.costs]
    ways = Counter(function for mistake in right for function in rewritten(mistake))
    assert {function: ways[function] for function in judged if ways[function] < 3} == {}


def test_right_ways_cost_nothing(question, tmp_path):
    name, _ = question
    right, lost = [mistake for mistake in mistakes.load_mistakes(MANIFEST, name) if not mistake.costs], {}

    def use(judge):
        for way in right:
            package = mistakes.copy_reference(MANIFEST, tmp_path / way.id / MANIFEST.submission.packages[0])
            mistakes.plant(way, package)
            lost[way.id] = [check for check, error in judge.verdicts(package).items() if error]

    with_judge(MANIFEST, [MANIFEST.question(name)], use)
    assert lost == {way.id: [] for way in right}


def test_each_mistake_costs_what_it_should(question, zygotes, tmp_path, request):
    name, checks = question
    slow_checks = {check.id for check in checks if check.cpu_ratio is not None}
    known = mistakes.load_mistakes(MANIFEST, name)
    chosen = known if request.config.getoption("--slow") else choice(known, {check.id for check in checks})
    wrong = []
    for mistake in chosen:
        timing = bool(slow_checks.intersection(mistake.costs))
        trial = mistakes.try_mistake(MANIFEST, mistake, name, tmp_path, zygotes, timing)
        if not trial.as_expected:
            wrong.append((mistake.id, sorted(trial.lost ^ set(mistake.costs))))
    assert wrong == []
