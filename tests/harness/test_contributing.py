"""What contributors are told holds: commands, links, the workflow, hooks, decisions, and the two things to copy."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tomllib
import unicodedata
from pathlib import Path

import pypdf
import pytest
import typer
import yaml

from grader import __version__
from grader.__main__ import app
from grader.pdf import convert
from tests.harness.attacks import runner
from tests.harness.notebooks import zoo

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "grader/**/*.md", "tests/**/*.md")
    for file in ROOT.glob(pattern)
    if "__pycache__" not in file.parts
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
MATRIX = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]
MADE_LATER = {
    "notebooks/contents.json",
    "notebooks/tests/contents.json",
    "reference/datasets/",
    "student/challenge.pt",
    "student/datasets/",
    "tests/hidden/challenge.secret",
    "tests/public/expected.npz",
    "tests/public/misconceptions.npz",
}
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
CODE = re.compile(r"^```.*?^```|^ {4}\S[^\n]*|`[^`\n]+`", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def in_code(page: Path) -> str:
    return "\n".join(CODE.findall(page.read_text()))


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as public hosts make them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.M)
    return {
        re.sub(r"[^\w\- ]", "", unicodedata.normalize("NFC", title.lower())).replace(" ", "-") for title in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_local_link_leads_somewhere(page):
    text = re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text()))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        assert not anchor or anchor in slugs(file), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_exists(page):
    said = in_code(page)
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", said)) <= targets
    commands = set(typer.main.get_command(app).commands)
    assert set(re.findall(r"python -m grader ([a-z]+)", said)) <= commands
    for module in re.findall(r"python -m ((?:tests|bench)\b[\w.]*)", said):
        place = ROOT.joinpath(*module.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module
    for file in re.findall(r"pytest -q (\S+\.py)", said):
        assert (ROOT / file).is_file(), file


# the page about a new course names paths of that course
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "own-course.md"], ids=name)
def test_every_path_exists(page):
    folders = "assets|bench|docs|grader|notebooks|reference|student|tests|training"
    for path in re.findall(rf"`((?:{folders})/[\w./-]*\.\w+|(?:{folders})/[\w./-]*/)`", page.read_text()):
        assert path in MADE_LATER or (ROOT / path).exists(), path


def test_the_workflow_runs_three_systems_and_every_python_of_the_package():
    assert [system.partition("-")[0] for system in MATRIX["system"]] == ["ubuntu", "macos", "windows"]
    oldest, end = re.search(r">=3\.(\d+),<3\.(\d+)", PROJECT["project"]["requires-python"]).groups()
    pythons = [f"3.{minor}" for minor in range(int(oldest), int(end))]
    assert MATRIX["python"] == pythons == ["3.11", "3.12", "3.13"]
    classified = [c.rpartition(" :: ")[2] for c in PROJECT["project"]["classifiers"] if "Python :: 3." in c]
    assert classified == pythons


def test_the_workflow_runs_the_gate_on_linux_and_elsewhere_tests_that_exist():
    steps = [step for step in WORKFLOW["jobs"]["tests"]["steps"] if "run" in step]
    linux = [step["run"] for step in steps if step["if"] == "runner.os == 'Linux'"]
    gate = re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text(), re.M)
    assert linux == gate
    others = " ".join(step["run"] for step in steps if step["if"] == "runner.os != 'Linux'")
    installed = re.search(r"-m grader\.install --extras=\S+", others)[0]
    assert installed in (ROOT / "Makefile").read_text()
    for pattern in re.findall(r"tests/\S+", others):
        assert list(ROOT.glob(pattern)), pattern


def test_no_file_for_a_host_names_a_registry():
    said = (ROOT / ".github" / "workflows" / "tests.yml").read_text() + (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"https?://|pypi|pytorch\.org", said, re.IGNORECASE) == []


def test_each_hook_is_a_tool_of_the_environment_and_does_what_lint_does():
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    assert {"ruff", "mypy"} <= {hook["id"] for hook in hooks}
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in hooks)
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    for hook in hooks:
        if hook["id"] in ("ruff", "mypy"):
            command = hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude")
            assert f"$(BIN)/{command}" in lint, hook["entry"]


def test_editors_use_the_line_length_of_the_linter():
    said = re.search(r"max_line_length = (\d+)", (ROOT / ".editorconfig").read_text())[1]
    assert int(said) == PROJECT["tool"]["ruff"]["line-length"]


def test_the_version_has_its_changes():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert f"## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_there_are_ten_decisions_and_the_index_lists_them():
    index = (DECISIONS[0].parent / "README.md").read_text()
    listed = re.findall(r"^\d+\. \[(.+)\]\((.+)\)$", index, re.M)
    titles = [re.match(r"# \d+\. (.+)", page.read_text())[1] for page in DECISIONS]
    assert listed == list(zip(titles, [page.name for page in DECISIONS], strict=True))
    assert [int(page.name[:2]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1)) and len(DECISIONS) >= 10


@pytest.mark.parametrize("page", DECISIONS, ids=name)
def test_a_decision_has_its_three_headings_on_one_page(page):
    text = page.read_text()
    assert re.findall(r"^#+ .*$", text, re.M)[1:] == ["## Context", "## Decision", "## What it costs"]
    assert len(text.splitlines()) <= 60


def test_the_glossary_has_one_line_a_word_and_what_holds_it_exists():
    rows = re.findall(r"^\| (?!Word|---)(.*?) \| (.*?) \| (.*?) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    words = [word for word, _, _ in rows]
    assert len(words) == len(set(words)) > 50
    assert all(meaning for _, meaning, _ in rows)
    classes = {
        node.name
        for file in (ROOT / "grader").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    for _, _, where in rows:
        assert where == "—" or where.strip("`") in classes or re.fullmatch(r"`[\w./]+(/|\.py)`", where), where


@pytest.mark.skipif(not runner.tiers(), reason="attacks need the layers of Linux")
def test_the_attack_to_copy_works_where_nothing_stops_it_and_nowhere_else(tmp_path):
    attack = next(block for block in EXAMPLE.findall(GUIDE) if "KIND" in block)
    for part in ("grader", "tests/harness/attacks", "tests/harness/toy"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    file = re.search(r"`(\w+\.py)`:", GUIDE)[1]
    (tmp_path / "tests/harness/attacks/modules" / file).write_text(attack)
    options = re.search(r'make attacks ARGS="(\w+) --verbose"', GUIDE)[1]
    tiers = [word for tier in runner.tiers()[:2] for word in ("--tier", tier)]
    command = [sys.executable, "-m", "tests.harness.attacks", options, *tiers]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "works" in done.stdout, done.stdout + done.stderr


def test_the_cell_to_copy_is_set_as_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "ZOO", [])
    exec(next(block for block in EXAMPLE.findall(GUIDE) if "KIND" not in block), vars(zoo))
    (animal,) = zoo.ZOO
    file = tmp_path / "one.ipynb"
    file.write_bytes(zoo.as_bytes(zoo.notebook(*animal.cells)))
    made = convert.convert([file], convert.Options())
    assert animal.marks == (zoo.NONE,) and made.degradations == [] and made.problems == []
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made.data)).pages)
    assert all(word in text for word in animal.words)
    assert all(word in animal.name for word in re.search(r'-k "(.*?)"', GUIDE)[1].split(" and "))
