"""A module that cannot be imported is told once, first, with its line and a remedy; its checks are only counted."""

from grader.notebooks import checkfiles
from grader.notebooks.checkfiles import Judgement
from grader.results import record, summary
from grader.results.record import Cause, Record
from grader.results.summary import render_markdown
from tests.harness.test_reports import MANIFEST, check, full, printed

SENTENCE = "shapes.py, line 3: SyntaxError: expected ':'. Fix it."
CAUSE = Cause(module="shapes", message=SENTENCE, file="shapes.py", line=3)
WAITING = "shapes: 5 checks wait for this"


def waiting(count: int = 5) -> Record:
    """A record in which so many checks wait for a module, and another has failed."""
    found = full()
    functions = [["shapes.area"], ["shapes.moments"]]
    found.checks = [
        check(f"q1_a/{number}", message=SENTENCE, cause="shapes", functions=functions[number % 2])
        for number in range(count)
    ]
    found.checks += [check(f"q1_a/{outcome}", outcome, functions=["other.area"]) for outcome in ("failed", "passed")]
    found.causes = [CAUSE]
    record.tally(found, MANIFEST)
    return found


def test_a_cause_is_counted_with_what_waits_for_it():
    assert summary.explain_causes([CAUSE], waiting().checks) == [f"{SENTENCE}\n{WAITING}"]
    assert summary.explain_causes([CAUSE], waiting(1).checks) == [f"{SENTENCE}\nshapes: 1 check waits for this"]
    assert summary.explain_causes([CAUSE], waiting(0).checks) == [SENTENCE]
    assert CAUSE.place == "shapes.py, line 3"
    assert Cause(module="shapes", message="it is missing", file="shapes.py").place == "shapes.py"


def test_the_terminal_says_a_cause_first_and_once():
    lines = [line.strip() for line in printed(waiting()).splitlines()]
    assert lines[:3] == [SENTENCE, WAITING, ""]
    assert " ".join(lines).count(SENTENCE) == 1
    assert "shapes.area and 1 more 0 / 2.5 waits for shapes" in [" ".join(line.split()) for line in lines]
    assert [line for line in lines if line.startswith("failed")] == ["failed  area multiplies  (-0.5)  Q1.failed"]


def test_markdown_says_a_cause_first_and_once():
    lines = [line.replace("\\", "") for line in render_markdown(waiting()).splitlines()]
    assert lines[4:8] == [f"**{SENTENCE}**", "", WAITING, ""]
    assert " ".join(lines).count(SENTENCE) == 1
    assert "| `shapes.area and 1 more` | 0 / 2.5 | waits for `shapes` |" in lines
    assert [line for line in lines if "(failed" in line] == ["**Q1 area multiplies** (failed, -0.5)"]


def test_a_notebook_cell_says_a_cause_first_and_once():
    found = Judgement("q1_area", "Q1", waiting().checks, causes=[CAUSE])
    lines = checkfiles.render_text(found).splitlines()
    assert lines[:2] == [f"q1_area: {SENTENCE}", f"  {WAITING}"]
    assert len(lines) == 5
    html = checkfiles.render_html(found)
    assert html.count("expected &#x27;:&#x27;. Fix it.") == html.count(WAITING) == 1
    assert '<pre style="white-space: pre-wrap; word-break: normal;' in html  # Jupyter has break-all


def test_causes_survive_writing_and_an_old_reader(tmp_path):
    found = record.from_json(record.to_json(waiting()))
    assert (found.schema, found.causes, found.checks[0].cause) == (2, [CAUSE], "shapes")
    assert record.from_json(record.to_json(full())).causes == []


def ids(names: str) -> str:
    return ", ".join(f"Q1.{name}" for name in names)


def test_many_checks_that_say_the_same_are_counted_with_their_ids():
    found = full()
    found.checks = [check(f"q1_a/{name}", title=f"title {name}") for name in "abcdefghij"]
    record.tally(found, MANIFEST)
    lines = [line.strip() for line in printed(found).splitlines()]
    start = lines.index("failed  Q1 10 checks say the same  (-5)")
    assert lines[start + 1 : start + 3] == ["why it is failed", f"{ids('abcdefgh')} and 2 more"]
    assert not any("title" in line for line in lines)
    text = render_markdown(found).replace("\\", "")
    assert f"**Q1 10 checks: {ids('abcdefghij')}** (failed, -5)" in text


def test_ids_are_those_that_a_person_types():
    found = [check("q1_a/x"), check("q1_a/y"), check("hidden/q2_b/z")]
    assert summary.list_ids(found) == "Q1.x, Q1.y, Q1.z"
