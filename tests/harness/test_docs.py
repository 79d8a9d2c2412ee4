"""The documents name what there is: every room of the engine, every command, option and key of the manifest."""

import re
from pathlib import Path

import msgspec
import pytest
import typer

from grader.__main__ import app
from grader.course.manifest import Manifest
from grader.course.schema import Container, LimitsTable, Pdf, Submission, Submit

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "grader"
PROGRAM = typer.main.get_command(app).commands
COMMANDS = PROGRAM | PROGRAM["class"].commands


def words_of(name: str) -> set[str]:
    return set(re.findall(r"[\w.-]+", (ROOT / name).read_text()))


def rooms() -> set[str]:
    """The rooms that the table of architecture.md lists."""
    table = (ROOT / "docs/architecture.md").read_text().split("## Rooms of the engine")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE))


def test_the_table_of_rooms_lists_every_room_and_no_other():
    assert rooms() == {folder.name for folder in ENGINE.iterdir() if (folder / "__init__.py").is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_changelog_names_the_command_and_its_options(name):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")}
    assert {name, *options} - {"--help", "--question"} <= words_of("CHANGELOG.md")


def test_the_changelog_and_the_guide_name_every_key_of_the_manifest():
    keys = set()
    for field in msgspec.structs.fields(Manifest):
        tables = [field.type, *getattr(field.type, "__args__", ())]
        keys |= {field.name} if field.name != "root" else set()
        for table in tables:
            if isinstance(table, type) and issubclass(table, msgspec.Struct):
                keys |= {inner.name for inner in msgspec.structs.fields(table)}
    assert keys - words_of("CHANGELOG.md") == set()
    assert keys - words_of("docs/instructor-guide.md") == set()


LIMITS = [LimitsTable, Container, Pdf, Submit, Submission]


@pytest.mark.parametrize("table", LIMITS, ids=lambda table: table.__name__)
def test_the_guide_tells_the_default_of_every_limit(table):
    defaults = {field.name: field.default for field in msgspec.structs.fields(table) if type(field.default) is int}
    assert defaults
    for key, default in defaults.items():
        assert default in documented(key), f"{key} is {default} by default"


def test_every_limit_has_one_line_with_its_unit_and_its_reason():
    lines = [line for line in (ENGINE / "limits.py").read_text().splitlines() if " = " in line]
    names = [line.partition(" = ")[0] for line in lines]
    assert len(names) == len(set(names))
    assert [line for line in lines if "  # " not in line] == ["MEGABYTE = 1024 * 1024"]


def documented(key: str) -> list[float]:
    """The default that the instructor's guide gives for a key of the manifest: in a table's row, or behind it."""
    guide, found = (ROOT / "docs/instructor-guide.md").read_text(), []
    for keys, defaults in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", guide, re.MULTILINE):
        found += [float(value) for name, value in zip(keys.split(", "), defaults.split(", ")) if name == f"`{key}`"]
    return found + [float(value) for value in re.findall(rf"`{key}` \(([\d.]+)\)", guide)]
