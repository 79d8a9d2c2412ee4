"""Give the engine away: its files, the packages that it and a course need, and what is looked for beside it."""

import re
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .. import __version__
from ..course.manifest import Manifest, list_libraries
from ..errors import DISTRIBUTION, CourseError, explain_not_installed

ENGINE = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).resolve().with_name("templates")
EXAMPLE = TEMPLATES / "course"
# of the engine, beside its modules; pyproject.toml packs the same
DATA = ("classroom/page.html", "pdf/template.typ", "release/templates")
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", ".DS_Store", "datasets"}
BUILD = {"requires": ["setuptools>=77"], "build-backend": "setuptools.build_meta"}
OWN = "dev"  # the extra that no course needs


def collect_engine() -> dict[str, bytes]:
    """Return the engine's files as `grader/…`: what its distribution packs, but not the example course.

    None of them holds a secret. The example has its solution, which a course that began as its copy still asks for.
    """

    def is_engines(path: Path) -> bool:  # a person or an editor left any other there
        packed = path.suffix == ".py" or any(path.is_relative_to(place) for place in DATA)
        return packed and not is_dotted(path) and not (ENGINE / "grader" / path).is_relative_to(EXAMPLE)

    return read_files(ENGINE / "grader", "grader", is_engines)


def is_dotted(path: Path) -> bool:
    """Return whether a path is one of those that editors and systems leave beside a file, such as `.name.swp`."""
    return any(part.startswith(".") for part in path.parts)


def find_beside(manifest: Manifest, name: str) -> Path:
    """Find a file beside the manifest, else beside the engine."""
    for folder in (manifest.root, ENGINE):
        if (folder / name).is_file():
            return folder / name
    raise CourseError(f"there is no {name} in {manifest.root}; restore it")


def read_files(folder: Path, name: str, keep: Callable[[Path], bool] = lambda path: True) -> dict[str, bytes]:
    """Return every file below a folder whose path in it is kept, as `name/…`. Raise CourseError for a link."""
    found = {}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if LEFT_OUT.intersection(path.parts) or file.suffix == ".pyc" or not keep(path):
            continue
        if file.is_symlink():
            raise CourseError(f"{file} is a link; put the file itself there")
        if file.is_file():
            found[f"{name}/{path.as_posix()}"] = file.read_bytes()
    return found


def describe_engine() -> dict[str, Any]:
    """Return the engine's `[project]`: from pyproject.toml, or from what pip noted of it where it was installed."""
    file = ENGINE / "pyproject.toml"
    found = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}) if file.is_file() else {}
    table = found if found.get("name") == DISTRIBUTION else _read_installed()
    keys = ("description", "requires-python", "dependencies", "optional-dependencies", "scripts", "entry-points")
    kept = {"name": DISTRIBUTION, "version": __version__} | {key: table[key] for key in keys if key in table}
    kept["optional-dependencies"] = {k: v for k, v in kept["optional-dependencies"].items() if k != OWN}
    return kept


def read_course_settings(course: Path) -> dict[str, Any]:
    """Return the engine's own table of a course's pyproject.toml, which setting up reads; empty where it has none."""
    file = course / "pyproject.toml"
    tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}) if file.is_file() else {}
    return {DISTRIBUTION: tool[DISTRIBUTION]} if DISTRIBUTION in tool else {}


def list_for_students(manifest: Manifest) -> list[str]:
    """Return what students install: the engine's core, the course's libraries, and notebooks and PDF if it has some."""
    extras = describe_engine()["optional-dependencies"]
    chosen = extras["notebooks"] + extras["pdf"] if manifest.notebooks else []
    for library in list_libraries(manifest):
        chosen = chosen + extras.get(library, [library])
    return _drop_repeated(describe_engine()["dependencies"] + chosen + manifest.container.packages)


def list_for_container(manifest: Manifest) -> list[str]:
    """Return what the container installs: the engine's core, the course's libraries and the manifest's packages."""
    return _drop_repeated(describe_engine()["dependencies"] + list_libraries(manifest) + manifest.container.packages)


def resolve_versions(names: list[str]) -> dict[str, str]:
    """Return the installed versions of these packages and of all that they need, by name. Raise NotInstalled."""
    found: dict[str, str] = {}
    open_ = [Requirement(name) for name in names]
    while open_:
        wanted = open_.pop()
        name = canonicalize_name(wanted.name)
        extras = wanted.extras or {""}
        if name not in found and any(wanted.marker is None or wanted.marker.evaluate({"extra": e}) for e in extras):
            try:
                distribution = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                raise explain_not_installed(name) from None
            found[name] = distribution.version
            open_ += map(Requirement, distribution.requires or [])
    return found


def require_pins(names: list[str], pins: Path) -> None:
    """Raise CourseError for the first of these packages of which the file pins no version."""
    pinned = {
        canonicalize_name(line.partition("==")[0].strip()) for line in pins.read_text().splitlines() if "==" in line
    }
    for name in names:
        if canonicalize_name(Requirement(name).name) not in pinned:
            raise CourseError(f"{pins} pins no version of {name}; add a line {name}==…")


def _drop_repeated(requirements: list[str]) -> list[str]:
    """Return the requirements in the order of their names, one for each package."""
    return sorted({canonicalize_name(Requirement(text).name): text for text in reversed(requirements)}.values())


def _read_installed() -> dict[str, Any]:
    """Return the same table from the metadata of the installed distribution. Raise CourseError without any."""
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise CourseError(f"{ENGINE} holds no pyproject.toml of {DISTRIBUTION}; restore it, or install it") from None
    extras: dict[str, list[str]] = {name: [] for name in found.metadata.get_all("Provides-Extra") or []}
    core: list[str] = []
    for text in found.requires or []:
        extra = re.search(r"""extra == ["']([\w-]+)["']""", text)
        (extras[extra[1]] if extra else core).append(text.partition(";")[0].strip())
    points: dict[str, dict[str, str]] = {}
    for point in found.entry_points:
        points.setdefault(point.group, {})[point.name] = point.value
    return {
        "description": found.metadata["Summary"],
        "requires-python": found.metadata["Requires-Python"],
        "dependencies": core,
        "optional-dependencies": extras,
        "scripts": points.pop("console_scripts", {}),
        "entry-points": points,
    }
