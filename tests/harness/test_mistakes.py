"""Each check rejects a known-wrong implementation, which costs its own checks and no more; right variants cost nothing.

Right ways of writing a function are tried in forks. The five variants of a question that fail most are tried as a
student's work is; with --slow, all are tried in forks.
"""

import ast
import json
import math
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.course.catalogue import list_headings, load_catalogue, load_catalogues
from grader.course.source import locate
from grader.grading import mistakes, run
from grader.grading.forks import call_in_fork

OPEN = {"challenge.build_model"}  # functions that have no right way, but better and worse ones
MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)


@pytest.fixture(scope="module", params=[question.id for question in MANIFEST.questions])
def question(request, zygotes):
    """A question's id and its checks as the reference leaves them."""
    record = run.grade_package(MANIFEST, MANIFEST.path("reference"), Selection([request.param]), zygotes=zygotes)
    return request.param, record.checks


def choice(known, checks, size=3):
    """One variant after the other that fails most of the checks not failed yet."""
    left, chosen = set(checks), []
    for _ in range(size):
        best = max(known, key=lambda variant: len(left.intersection(variant.costs)))
        if best not in chosen:
            chosen.append(best)
        left.difference_update(best.costs)
    return chosen


def test_the_reference_passes_every_check(question):
    assert [(check.id, check.message) for check in question[1] if check.outcome != "passed"] == []


def test_the_reference_passes_every_check_whatever_the_seed(question, zygotes):
    selection = Selection([question[0]], secret_seeds=[f"seed {number}" for number in range(6)], timing=False)
    record = run.grade_package(MANIFEST, MANIFEST.path("reference"), selection, zygotes=zygotes)
    assert [(check.id, check.message) for check in record.checks if check.outcome != "passed"] == []


def test_every_check_rejects_some_mistake(question):
    name, checks = question
    rejected = {cost for variant in load_catalogue(MANIFEST, name).variants for cost in variant.costs}
    assert {check.id for check in checks} == rejected


def test_a_mistake_that_costs_more_than_a_fifth_of_its_function_says_why(question):
    name, checks = question
    worth = {check.id: check.points for check in checks}
    silent = []
    for variant in load_catalogue(MANIFEST, name).variants:
        possible = sum(check.points for check in checks if variant.function in check.functions)
        if sum(worth[cost] for cost in variant.costs) > possible / 5 + 1e-9 and not variant.why:
            silent.append(variant.id)
    assert silent == []


def rewritten(way):
    """The functions of the assignment that an entry writes in another way: its own, and those it appends."""
    names = {way.function.rsplit(".", 1)[-1]}
    for node in ast.parse(way.append).body:
        match node:
            case ast.FunctionDef(name):
                names.add(name)
            case ast.ClassDef(body=methods):
                names |= {method.name for method in methods if isinstance(method, ast.FunctionDef)}
            case ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
    module, _ = locate(MANIFEST.path("reference"), way.function)
    functions = [name for name in MANIFEST.functions() if name.rsplit(".", 1)[-1] in names]
    return {name for name in functions if locate(MANIFEST.path("reference"), name)[0] == module}


def test_each_function_has_three_right_ways_that_cost_nothing(question):
    name, checks = question
    judged = {function for check in checks for function in check.functions} - OPEN
    ways = Counter(function for way in load_catalogue(MANIFEST, name).right_ways for function in rewritten(way))
    assert {function: ways[function] for function in judged if ways[function] < 3} == {}


def find_surprises(question, variants, zygotes, judge):
    """The variants that do not cost what they should, each with the checks where it differs."""
    trials = [mistakes.try_mistake(MANIFEST, variant, question, zygotes, judge) for variant in variants]
    return [(one.variant.id, sorted(one.lost ^ set(one.variant.costs))) for one in trials if not one.as_expected]


def test_right_ways_cost_nothing(question, zygotes):
    name, _ = question
    right = load_catalogue(MANIFEST, name).right_ways
    assert find_surprises(name, right, zygotes, mistakes.make_judge(MANIFEST, name)) == []


def test_mistakes_cost_a_submission_what_they_should(question, zygotes):
    name, checks = question
    known = [variant for one in load_catalogue(MANIFEST, name).misconceptions for variant in one.variants]
    assert find_surprises(name, choice(known, {check.id for check in checks}), zygotes, None) == []


@pytest.mark.slow
def test_each_mistake_costs_what_it_should(question, zygotes):
    name, _ = question
    known = [variant for one in load_catalogue(MANIFEST, name).misconceptions for variant in one.variants]
    assert find_surprises(name, known, zygotes, mistakes.make_judge(MANIFEST, name)) == []


def test_a_fork_hands_back_what_its_work_returns_and_nothing_where_it_dies():
    assert call_in_fork(lambda: [math.inf, 0.5], list[float]) == [math.inf, 0.5]
    assert call_in_fork(lambda: os._exit(3), list[float]) is None


def test_every_misconception_leads_to_one_section_of_a_notebook():
    """The engine refuses what leads nowhere; here the headings are those that the generated notebooks show."""
    shown = {}
    for name in MANIFEST.notebooks:
        cells = json.loads((MANIFEST.path("notebooks") / f"{name}.ipynb").read_text())["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        shown[name] = re.findall(r"^#+ (.+)$", text, re.M)
    for name, headings in shown.items():
        source = (MANIFEST.path("notebooks") / "source" / f"{name}.py").read_text()
        assert [path[-1] for path in list_headings(source)] == headings
    for catalogue in load_catalogues(MANIFEST):
        assert catalogue.misconceptions
        for one in catalogue.misconceptions:
            notebook, _, heading = one.section.partition(": ")
            assert any(
                heading == shown_heading or heading.endswith(f": {shown_heading}") for shown_heading in shown[notebook]
            )


def test_every_question_has_misconceptions_of_its_own_functions():
    for question, catalogue in zip(MANIFEST.questions, load_catalogues(MANIFEST), strict=True):
        assert set(question.functions) - {one.function for one in catalogue.misconceptions} <= OPEN
