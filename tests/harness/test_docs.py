"""The documents name what there is: every room of the engine, every command, option and key of the manifest."""

import re
from pathlib import Path

import msgspec
import pytest
import typer

from grader.__main__ import app
from grader.manifest import Manifest

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "grader"
COMMANDS = typer.main.get_command(app).commands


def words_of(name: str) -> set[str]:
    return set(re.findall(r"[\w.-]+", (ROOT / name).read_text()))


def rooms() -> dict[str, set[str]]:
    """The modules that the table of rooms lists: those of the top folder under '', others under their folder."""
    found: dict[str, set[str]] = {"": set()}
    for row in re.findall(r"^\|[^|]*\|([^|]*)\|[^|]*\|$", (ROOT / "docs/architecture.md").read_text(), re.M):
        folders = list(re.finditer(r"`(\w+)/`", row))
        for folder, following in zip(folders, [*folders[1:], None]):
            part = row[folder.end() : following.start() if following else None]
            found[folder[1]] = set(re.findall(r"[\w.]+", part))
        found[""] |= set(re.findall(r"`(\w+)`", row[: folders[0].start()] if folders else row))
    return found


def test_the_table_of_rooms_lists_every_module_and_no_other():
    listed = rooms()
    for folder in ["", *(f.name for f in ENGINE.iterdir() if (f / "__init__.py").is_file())]:
        there = {file.stem for file in (ENGINE / folder).glob("*.py")} - {"__init__"}
        assert there - listed[folder] == set(), folder
        others = {name for name in listed[folder] - there if not (ENGINE / folder / name).exists()}
        assert others == set(), folder


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
