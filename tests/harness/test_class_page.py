"""The page of a class and the feedback of its students: right numbers, hostile text only text, no network."""

import base64
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from msgspec.structs import replace

from grader.classroom import statistics
from grader.classroom.gradebook import write_feedback
from grader.classroom.page import render_page, write_page
from grader.classroom.sources import ExportedSubmission
from grader.classroom.store import Store
from grader.classroom.view import Batch, JobEnding, State, StoreView
from grader.errors import OutputError
from grader.results.record import Outcome, Record
from grader.results.summary import clean_text
from tests.harness.gradescope_page import BROWSERS
from tests.harness.made_class import DUE, HOSTILE, fill_store

FEEDBACK_TAGS = {"html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "main", "pre", "div"}
FEEDBACK_TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "script", "strong"}


class Reader(HTMLParser):
    """What stands in a page: its elements with their attributes, and the text of its scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements, self.scripts, self.policy, self.open = [], {}, "", []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts[dict(attrs).get("id", "")] = ""
        if dict(attrs).get("http-equiv"):
            self.policy = dict(attrs)["content"]

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] == "script" and self.cdata_elem == "script":
            self.scripts[self.elements[-1][1].get("id", "")] += data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    with fill_store(tmp_path_factory.mktemp("hostile"), 60, checks=12, hostile=True) as store:
        yield store


@pytest.fixture(scope="module")
def tame(tmp_path_factory):
    with fill_store(tmp_path_factory.mktemp("tame"), 120, checks=24) as store:
        yield store


def test_numbers_of_a_check_are_those_of_their_definitions(tame):
    table = statistics.read_table(tame)
    judged = statistics.select_judged(table)
    assert judged.sum() == 115 and len(table.submissions) == 118
    records = [tame.record(one.id) for one in tame.submissions(State.GRADED)]
    for place, (check, item) in enumerate(zip(table.checks, statistics.describe_checks(table), strict=True)):
        results = [record.checks[place] for record in records]
        known = [r.score for r in results if r.outcome is not Outcome.GRADER_ERROR]
        assert item.share == pytest.approx(np.mean(known) / check.points)
        assert sum(item.counts.values()) == 115
        own = table.points[judged, place]
        known = ~np.isnan(own)
        others = np.delete(table.points[judged], place, axis=1)
        worth = np.delete([float(one.points) for one in table.checks], place)
        rest = np.nansum(others, axis=1) / np.sum(~np.isnan(others) * worth, axis=1)
        passed, failed = rest[known & (own > 0)], rest[known & (own == 0)]
        p = len(passed) / known.sum()
        biserial = (passed.mean() - failed.mean()) / rest[known].std() * np.sqrt(p * (1 - p))
        assert item.discrimination == pytest.approx(biserial)


def test_points_held_enter_no_number_of_a_check_or_question(tame):
    """A check that is held for every other student says of its question what the other checks say."""
    table = statistics.read_table(tame)
    own, held = [place for place, check in enumerate(table.checks) if check.question == "Q1"], slice(None, None, 2)
    for place, check in enumerate(table.checks[:4]):
        table.points[:, place] = np.where(np.isnan(table.points[:, place]), np.nan, check.points)
    before, checks = (
        statistics.describe_groups(table, [check.question for check in table.checks]),
        statistics.describe_checks(table),
    )
    assert own == [0, 1, 2, 3] and before["Q1"].share == 1 and checks[0].share == 1
    table.points[held, own[1]] = np.nan
    found = statistics.describe_groups(table, [check.question for check in table.checks])
    assert found["Q1"].share == 1 and found["Q1"].is_flat
    assert found["Q1"].counts == before["Q1"].counts
    again = statistics.describe_checks(table)
    assert [item.share for item in again] == [item.share for item in checks]
    table.points[:, own[1]] = np.nan
    nobody = statistics.describe_checks(table)[own[1]]
    assert nobody.share is None and not nobody.is_flat


def test_points_held_elsewhere_make_nobody_weak(tame):
    """Discrimination compares with the share of what was judged, so that held points move no student down."""
    table = statistics.read_table(tame)
    ability = np.linspace(0, 1, len(table.points))
    for place, check in enumerate(table.checks):
        table.points[:, place] = check.points * (ability > (place + 1) / (len(table.checks) + 1))
    whole = statistics.describe_checks(table)[20].discrimination
    table.points[ability > 0.9, :20] = np.nan
    assert statistics.describe_checks(table)[20].discrimination > 0.5 * whole


def test_alpha_leaves_out_a_check_that_nobody_has_a_score_for():
    points = np.random.default_rng(3).normal(size=(50, 1)) + np.random.default_rng(4).normal(size=(50, 6))
    whole = statistics.estimate_reliability(points)
    assert statistics.estimate_reliability(np.column_stack([points, np.full(50, np.nan)])) == whole


def test_alpha_is_that_of_its_definition_and_lies_in_its_interval():
    draw = np.random.default_rng(3)
    ability = draw.normal(size=(200, 1))
    points = (ability + draw.normal(size=(200, 8)) > 0).astype(float)
    found = statistics.estimate_reliability(points)
    expected = 8 / 7 * (1 - points.var(axis=0).sum() / points.sum(axis=1).var())
    assert found.alpha == pytest.approx(expected) and found.low < found.alpha < found.high
    assert 0.05 < found.high - found.low < 0.2
    halves = [statistics.estimate_reliability(points[i::2]).alpha for i in (0, 1)]
    assert all(found.low - 0.1 < half < found.high + 0.1 for half in halves)


def test_alpha_of_items_that_are_the_same_is_one_and_of_noise_none_at_all():
    column = np.arange(30.0)[:, None] % 2
    assert statistics.estimate_reliability(np.repeat(column, 4, axis=1)).alpha == pytest.approx(1)
    noise = np.random.default_rng(0).integers(0, 2, (2000, 10)).astype(float)
    assert abs(statistics.estimate_reliability(noise).alpha) < 0.15


@pytest.mark.parametrize("points", [np.zeros((0, 5)), np.eye(9, 5), np.ones((50, 5)), np.ones((50, 1))])
def test_alpha_of_a_class_that_tells_nothing_is_none(points):
    assert statistics.estimate_reliability(points) is None


def test_check_that_everybody_passes_separates_nobody(tmp_path):
    with fill_store(tmp_path, 20, checks=6) as store:
        table = statistics.read_table(store)
        table.points[:, 2] = table.checks[2].points
        found = statistics.describe_checks(table)
        assert found[2].is_flat and found[2].share == 1 and not any(i.is_flat for i in (found[0], found[5]))


def test_scores_are_counted_in_bins():
    assert statistics.count_scores([0, 1, 5, 10, 10], 10, 5) == [2, 0, 1, 0, 2]
    assert statistics.count_scores([], 0, 2) == [0, 0]


def data_of(page: bytes) -> dict:
    return json.loads(Reader(page).scripts["data"])


def test_page_shows_every_student_and_check_with_its_outcome(tame):
    data = data_of(render_page(tame))
    by_key = {one.names: one for one in tame.submissions()}
    assert len(data["students"]) == len(by_key) and len(data["checks"]) == 24
    for student in data["students"]:
        one = by_key[student["name"]]
        words = [data["outcomes"][int(code)] for code in student["codes"]]
        record = tame.record(one.id)
        assert words == [check.outcome.word for check in (record.checks if record else [])]
        assert student["score"] == (one.score if one.state.counts else None)
        assert (student["note"] == "refused") == (one.state is State.REFUSED)
        assert (student["note"] == "no mark: the grader failed") == (one.state is State.FAILED)


def test_page_names_what_needs_a_look_first(tame):
    text = render_page(tame).decode()
    for words in (
        "2 submissions: no mark, since the grader failed",
        "3 submissions: refused, with 0 points",
        "1 submission: points held by grader errors",
        "12 submissions: late: ",
        "The grader made errors in these: Q1.check_0",
        "The commonest misconception, in ",
        "The bias is added to each row.",
    ):
        assert words in text, words


def test_functions_that_cost_most_points_stand_first(tame):
    page = render_page(tame).decode()
    rows = re.findall(
        r'<tr><th scope="row">(layers\.\w+)<br><span class="soft">(.*?)</span>.*?data-value="([\d.]+)"', page
    )
    records = [tame.record(one.id) for one in tame.submissions(State.GRADED)]
    lost = {}
    for check in (check for record in records for check in record.checks if not check.held):
        name = check.functions[0]
        lost[name] = lost.get(name, 0) + check.points - check.score
    assert [row[0] for row in rows] == sorted(lost, key=lambda name: -lost[name])[: len(rows)] and len(rows) == 6
    assert re.fullmatch(
        r"Q\d\.check_\d+( \(hidden\))?: function_\d returns .* \((failed|blocked).*, \d+ of 115\)", rows[0][1]
    )


def test_scores_with_points_held_are_marked_wherever_they_stand(tame):
    page = render_page(tame)
    held = [one for one in tame.submissions() if one.state.counts and one.held]
    bars = [tag for tag, attributes in Reader(page).elements if tag == "rect" and attributes.get("class") == "held"]
    assert held and 0 < len(bars) <= len(held)
    marked = {student["name"]: student["held"] for student in data_of(page)["students"] if student["held"]}
    assert marked == {one.names: one.held for one in held}
    assert f"{len(held)} with points held" in page.decode()


def test_no_text_of_a_submission_becomes_markup(hostile):
    page = render_page(hostile)
    reader = Reader(page)
    tags = [tag for tag, _ in reader.elements]
    assert tags.count("script") == 2 and "img" not in tags and set(reader.scripts) == {"", "data"}
    for tag, attributes in reader.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "action")], tag
    names = {student["name"] for student in data_of(page)["students"]}
    assert "<script>alert(1)</script>" in names and '"><img src=x onerror=alert(1)>' in names
    assert "\x1b" not in page.decode() and "\u202e" not in page.decode() and b"<script>alert" not in page


def test_policy_lets_only_the_page_s_own_script_run(hostile):
    reader = Reader(render_page(hostile))
    digest = base64.b64encode(hashlib.sha256(reader.scripts[""].encode()).digest()).decode()
    assert "default-src 'none'" in reader.policy and f"script-src 'sha256-{digest}'" in reader.policy


def test_page_names_no_address(hostile):
    template = render_page(hostile).decode()
    assert not [word for word in ("http:", "//cdn", "@import", "url(", "fetch(", "XMLHttp") if word in template.replace(
        "http://www.w3.org/2000/svg", ""
    ).replace("http://example.org", "")]  # fmt: skip


def test_class_without_any_result_has_a_page(tmp_path):
    with fill_store(tmp_path, 0, checks=3) as store:
        assert b"Nothing stands out." in render_page(store)


def test_a_few_submissions_tell_nothing_about_a_check(tmp_path):
    with fill_store(tmp_path, 9, checks=3) as store:
        page = render_page(store)
    assert b"Fewer than 10 submissions tell nothing about a check." in page and b"<dt>Alpha" not in page


def test_check_that_strong_students_fail_is_pointed_at_and_chance_is_not(tame):
    table = statistics.read_table(tame)
    table.points[:, 4] = table.checks[4].points - table.points[:, 4]
    table.points[:, 5] = np.random.default_rng(1).integers(0, 2, len(table.points))
    found = statistics.describe_checks(table)
    assert [place for place, item in enumerate(found) if item.is_reversed] == [4]


def test_only_a_page_is_written_over(tame, tmp_path):
    file = tmp_path / "page.html"
    write_page(tame, file)
    write_page(tame, file)
    file.write_text("<html>mine</html>")
    with pytest.raises(OutputError, match="is there already and is no page of a class"):
        write_page(tame, file)


REPORTS = [  # visibility of hidden checks, whether grades are published, the due time, whether a page shows them
    ("after_published", False, "", False),
    ("after_published", True, "", True),
    ("after_due_date", False, "2020-01-01T00:00:00+00:00", True),
    ("after_due_date", False, "2099-01-01T00:00:00+00:00", False),
    ("hidden", True, "", False),
    ("visible", False, "", True),
]


@pytest.fixture
def course(toy):
    def make(visibility: str = "after_published", due: str = ""):
        made = toy.manifest
        questions = [replace(made.questions[0], id=f"Q{n}", public_points=1, hidden_points=1) for n in range(1, 7)]
        report = replace(made.report, hidden_visibility=visibility)
        return replace(made, questions=questions, report=report, late=replace(made.late, due=due))

    return make


@pytest.mark.parametrize(("visibility", "published", "due", "shown"), REPORTS)
def test_feedback_shows_hidden_checks_as_their_visibility_says(tmp_path, course, visibility, published, due, shown):
    with fill_store(tmp_path / "class", 5, checks=24) as store:
        count = write_feedback(store, course(visibility, due), tmp_path / "out", published)
        one = store.submissions()[0]
    assert str(count) == "5 submissions: 5 new"
    page = (tmp_path / "out" / one.key / "feedback.html").read_text()
    assert ("(hidden checks)" in page) == shown and ("not shown here yet" in page) == (not shown)
    assert (f"{one.score:g} of {one.max_score:g} points" in page) == shown and one.max_score != course().points
    results = json.loads((tmp_path / "out" / one.key / "results.json").read_text())
    assert results["score"] == one.score
    assert {test["visibility"] for test in results["tests"] if "hidden checks" in test["name"]} == {visibility}


def test_hostile_text_is_only_text_in_feedback_and_whole(tmp_path, course, hostile):
    """Names that are markup, formulas or queries stand in the page; what moves or hides other text is in no file."""
    write_feedback(hostile, course("visible"), tmp_path / "out", True)
    write_page(hostile, tmp_path / "out/page.html")
    pages = list((tmp_path / "out").glob("*/feedback.html"))
    assert len(pages) == 59
    for file in pages:
        reader = Reader(file.read_bytes())
        assert {tag for tag, _ in reader.elements} <= FEEDBACK_TAGS and set(reader.scripts) == {""}
    for file in [*pages, *(tmp_path / "out").glob("*/results.json"), tmp_path / "out/page.html"]:
        text = file.read_text()
        text += json.dumps(json.loads(text), ensure_ascii=False) if file.suffix == ".json" else html.unescape(text)
        assert not [c for c in text if c not in "\n\t" and (c < " " or c in "\x7f\u202e\u2066")], file
    for one in hostile.submissions(State.GRADED):
        page = (tmp_path / "out" / one.key / "feedback.html").read_text()
        shown = html.unescape(re.search(r'<p class="soft">(.*?)</p>', page, re.DOTALL)[1])
        assert shown == clean_text(one.names)
    assert len(hostile.find("Robert'); DROP TABLE submission;--")) >= 5 and len(hostile.submissions()) == 60


def test_feedback_stays_in_its_folder_whatever_the_keys(tmp_path, course):
    with fill_store(tmp_path / "class", 6, checks=6) as store:
        for number, key in enumerate(["../../up", "..", "a/b", "A/b", "", "nul\0"]):
            store._db.execute("UPDATE submission SET key = ? WHERE key = ?", [key, f"submission_{100_000 + number}"])
        assert write_feedback(store, course(), tmp_path / "new/out", False) == "6 submissions: 6 new"
    assert len(list((tmp_path / "new/out").glob("*/feedback.html"))) == 6
    assert {place.name for place in tmp_path.iterdir()} >= {"class", "new"} and not (tmp_path / "up").exists()


def test_feedback_of_keys_that_look_alike_stays_apart(tmp_path, course):
    keys = ["a b", "a b-3", "a_b"]  # the third one has the number 3
    with Store.create(tmp_path / "class", Batch("A course", 8, "folder", tmp_path, ("ab",))) as store:
        store.add([ExportedSubmission(key, tmp_path) for key in keys])
        for key in keys:
            record = Record(assignment="A course", command="grade", submission=key, max_score=8)
            store.finish([JobEnding(key, State.GRADED, record)])
        write_feedback(store, course(), tmp_path / "out", False)
    pages = [page.read_text() for page in (tmp_path / "out").rglob("feedback.html")]
    assert len(pages) == 3 and all(any(f">{key}<" in page for page in pages) for key in keys)


def test_feedback_writes_over_nothing_of_anybody_else(tmp_path, course, tame):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("x")
    with pytest.raises(OutputError, match=r"out/mine.txt is not of this command; move it away, or give another folder"):
        write_feedback(tame, course(), tmp_path / "out", False)
    assert [place.name for place in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.fixture
def given_back(tmp_path, course):
    """A class of five whose feedback is written, and what writes it again."""
    with fill_store(tmp_path / "class", 5, checks=6) as store:

        def write():
            return write_feedback(store, course("visible"), tmp_path / "out", True)

        write()
        yield store, write, tmp_path / "out"


def read_all(folder) -> dict:
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.rglob("*.*")}


def test_feedback_is_written_again_where_it_changed_and_only_there(given_back):
    store, write, out = given_back
    changed, lost, *_ = store.submissions()
    before = read_all(out)
    record = store.record(changed.id)
    record.score = 0.125
    store.finish([JobEnding(changed.key, State.GRADED, record), JobEnding(lost.key, State.FAILED, problem="killed")])
    store.add([ExportedSubmission("another", out), ExportedSubmission("still to do", out)])
    store.finish([JobEnding("another", State.GRADED, record)])
    assert str(write()) == "5 submissions: 1 new, 1 changed, 3 as before; 1 removed, which has no mark any more"
    after = read_all(out)
    assert {name.partition("/")[0] for name, what in before.items() if after.get(name) != what} == {
        changed.key, lost.key, ".written.json",
    }  # fmt: skip
    assert b"0.125" in after[f"{changed.key}/feedback.html"][0] and not (out / lost.key).exists()
    assert {place.name for place in out.parent.iterdir()} == {"class", "out", "toy"}
    assert str(write()) == "5 submissions: 5 as before"


@pytest.mark.parametrize("touch", ["edited", "added", "in place of the list"])
def test_feedback_that_somebody_touched_is_kept_and_named(given_back, touch):
    store, write, out = given_back
    file = {"edited": out / store.submissions()[0].key / "feedback.html", "added": out / "a/b/note.txt"}
    file = file.get(touch, out / ".written.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    before = read_all(out)
    named = "feedback.html" if touch == "in place of the list" else str(file)
    with pytest.raises(OutputError, match=rf"{re.escape(named)} (was changed|is not of this command)"):
        write()
    assert read_all(out) == before


def test_feedback_that_somebody_has_taken_away_is_written_again(given_back):
    store, write, out = given_back
    shutil.rmtree(out / store.submissions()[0].key)
    (out / ".DS_Store").write_bytes(b"x")
    assert str(write()) == "5 submissions: 1 new, 4 as before"


def test_feedback_is_whole_or_as_it_was(given_back, monkeypatch):
    _, write, out = given_back
    before = read_all(out)
    monkeypatch.setattr(StoreView, "record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write()
    assert read_all(out) == before and len(list(out.parent.iterdir())) == 3


def test_late_days_are_told_in_feedback(tmp_path, course):
    made = course(due=DUE.isoformat())
    late = replace(made.late, per_day=10, cap=15)
    with fill_store(tmp_path / "class", 20, checks=6) as store:
        write_feedback(store, replace(made, late=late), tmp_path / "out", False)
    texts = [file.read_text() for file in (tmp_path / "out").glob("*/feedback.html")]
    assert sum("Handed in late, " in text for text in texts) == 2


def test_commands_write_page_and_feedback(command, toy):
    with fill_store(toy.root / "class", 4, checks=6):
        pass
    status, said, problem = command("class", "page")
    assert status == 0 and said.startswith("written: class/page.html ("), problem
    status, said, problem = command("class", "feedback", "--published")
    assert status == 0 and (toy.root / "class/feedback/submission_100000/feedback.html").is_file(), problem


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; where there is none, these tests say so, and the others still hold."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium or Chrome is installed here, so the page is opened in none")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed, so no browser is driven")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def pdf_text(content: bytes) -> list[str]:
    import pypdfium2

    with pypdfium2.PdfDocument(content) as document:
        return [page.get_textpage().get_text_range() for page in document]


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page, and fail at the end over any error, any line on the console and any other request."""
    troubles, context = [], browser.new_context()

    def open_page(store: StoreView):
        file = write_page(store, tmp_path / "page.html")
        tab = context.new_page()
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("console", lambda line: troubles.append(line.text))
        tab.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: request.url == file.as_uri() or troubles.append(request.url))
        tab.goto(file.as_uri())
        return tab

    yield open_page
    assert troubles == []
    context.close()


@pytest.mark.slow
def test_browser_filters_sorts_hides_and_walks(opened, tame):
    tab = opened(tame)
    names = tab.locator("#people th")
    everybody = sorted((one for one in tame.submissions() if one.state.counts), key=lambda one: -one.score)
    assert tab.locator("#count").inner_text() == "1 to 50 of 120" and names.count() == 50
    assert tab.locator("#people td.n").first.inner_text() == f"{everybody[0].score:g}"
    tab.click("#by-score")
    assert tab.locator("#people td.n").all_inner_texts()[:2] == ["late –", "late –"]
    assert tab.locator("#people td.n").nth(2).inner_text() == f"late {everybody[-1].score:g}"
    tab.locator(".strip").first.hover()
    assert tab.locator("#told").inner_text().endswith(": no mark: the grader failed.")
    tab.fill("#search", everybody[5].people[0].sid)
    assert names.all_inner_texts() == [everybody[5].names]
    tab.fill("#search", "nobody at all")
    assert tab.locator("#count").inner_text() == "nobody is called so"
    tab.fill("#search", "")
    tab.check("#hide")
    text = tab.inner_text("body")
    assert not [one.people[0].name for one in tame.submissions() if one.people[0].name in text]
    assert names.first.inner_text().startswith("Student ")
    tab.uncheck("#hide")
    tab.focus("#map")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "PageDown", "End"):
        tab.keyboard.press(key)
    assert tab.locator("#count").inner_text() == "51 to 100 of 120"
    assert tab.locator("#told").inner_text().startswith(f"{names.nth(1).inner_text()}: Q6.check_23")
    tab.select_option("#order", "hard")
    tab.locator("table.sortable").last.locator("th button").nth(2).click()
    tab.locator(".strip").nth(3).hover()


@pytest.mark.slow
def test_paper_shows_every_student(opened, tame, tmp_path):
    tab = opened(tame)
    text = "".join(pdf_text(tab.pdf(format="A4")))
    lowest = min((one for one in tame.submissions() if one.state.counts), key=lambda one: one.score)
    assert lowest.names.split(",")[0][:12] in text and tab.locator("#people tr").count() == 50


@pytest.mark.slow
def test_browser_runs_nothing_of_hostile_text(opened, hostile):
    tab = opened(hostile)
    assert tab.locator("#people tr").count() == 50 and tab.locator("img").count() == 0
    tab.fill("#search", "<script>")
    assert tab.locator("#people th").first.inner_text() == HOSTILE[0]


@pytest.mark.slow
def test_a_thousand_students_are_shown_in_three_seconds(opened, tmp_path):
    with fill_store(tmp_path / "class", 1000, checks=300) as store:
        tab = opened(store)
    took = tab.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart")
    assert tab.locator("#count").inner_text() == "1 to 50 of 1000" and took <= 3000
    tab.set_viewport_size({"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.filterwarnings("error")
def test_page_of_a_class_that_is_all_to_do_again(tmp_path):
    with fill_store(tmp_path, 2, checks=6) as store:
        store.add([ExportedSubmission(one.key, tmp_path, digest="other") for one in store.submissions()])
        page = render_page(store)
        names = {one.names for one in store.submissions()}
    assert b"2 without a mark" in page and b"2 submissions: not graded yet: " in page
    assert {(s["name"], s["score"], s["note"]) for s in data_of(page)["students"]} == {
        (name, None, "not graded yet") for name in names
    }


def test_names_stand_only_where_they_can_be_hidden(tmp_path):
    with fill_store(tmp_path, 60, checks=6) as store:
        page = render_page(store).decode()
        words = {text for one in store.submissions() for text in (one.key, *(person.name for person in one.people))}
    hidden = r'<span class="who">.*?</span>|<script type="application/json".*?</script>'
    shown = re.sub(hidden, "", page, flags=re.DOTALL)
    assert len(shown) < len(page) and not [word for word in words if word in shown]
