"""Make the export of a class: each known mistake once, right ways, groups, late, again, vicious, with odd names."""

import argparse
import json
import random
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from grader.course.catalogue import Variant, copy_reference, load_catalogues, plant
from grader.course.manifest import Manifest, load_manifest
from grader.course.source import find_span, locate
from tests.harness.made_class import FIRST, HOSTILE, LAST

DUE = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
VICIOUS = {  # what stands in one function of a submission that is right elsewhere
    "hangs": "while True:\n    pass\n",
    "kills its worker": "import os\nos.kill(os.getpid(), 9)\n",
    "fills memory": "held = []\nwhile True:\n    held.append(bytearray(1 << 26))\n",
}
BROKEN = ("broken zip", "empty")
RIGHT_ONES = 10  # submissions of right ways in a class of many


@dataclass
class Made:
    """One submission of the class: what it is, the variants in it, and whose it is; `again` counts resubmissions."""

    number: int
    kind: str
    variants: list[Variant]
    people: list[tuple[str, str, str]]
    time: datetime
    again: int = 0

    @property
    def late(self) -> bool:
        """Return whether it came after the deadline."""
        return self.time > DUE


def make_class(manifest: Manifest, count: int, seed: int = 0) -> list[Made]:
    """Return `count` submissions, at least 14; all variants of the catalogue fit in where there are enough."""
    draw, catalogues = random.Random(seed), load_catalogues(manifest)
    wrong = [one for catalogue in catalogues for one in catalogue.variants if one.costs]
    right = [one for catalogue in catalogues for one in catalogue.right_ways]
    kinds = [*VICIOUS, *BROKEN, "right", "duplicate", "duplicate", "handed in again", "handed in again", "stub"]
    kinds += ["right ways"] * (RIGHT_ONES if count >= 60 else 1)
    kinds += ["mistakes"] * (count - len(kinds))
    names = sorted({one.function for one in wrong} | set(manifest.functions()))
    mistakes = _spread(wrong, names, kinds.count("mistakes"), draw)
    ways = _spread(right, names, kinds.count("right ways"), draw)
    found = []
    for number, kind in enumerate(kinds):
        variants = mistakes.pop() if kind == "mistakes" else ways.pop() if kind == "right ways" else []
        late = number % 10 == 2
        time = DUE + timedelta(minutes=draw.uniform(1, 3000) if late else -draw.uniform(1, 5000))
        people = [_person(number, draw), *([_person(number + count, draw)] if number % 15 == 14 else [])]
        found.append(Made(number, kind, variants, people, time.replace(microsecond=0)))
    again = [one for one in found if one.kind == "handed in again"]
    again[1].people, again[1].again, again[1].time = again[0].people, 1, again[0].time + timedelta(hours=1)
    return found


def _person(number: int, draw: random.Random) -> tuple[str, str, str]:
    name = HOSTILE[number // 8 % len(HOSTILE)] if number % 8 == 7 else f"{draw.choice(FIRST)} {draw.choice(LAST)}"
    return name, f"s{number:06}", f"s{number:06}@example.org"


def _spread(variants: list[Variant], names: list[str], count: int, draw: random.Random) -> list[list[Variant]]:
    """Return variants in so many groups, no two of which change one function in a group; what finds no place is out."""
    groups: list[list[Variant]] = [[] for _ in range(count)]
    taken: list[set[str]] = [set() for _ in range(count)]
    sets = [(one, _find_changed(one, names)) for one in draw.sample(variants, len(variants))]
    often = Counter(name for _, changed in sets for name in changed)
    for one, changed in sorted(sets, key=lambda pair: (-len(pair[1]), -max(often[name] for name in pair[1]))):
        places = [place for place in range(count) if not taken[place] & changed]
        if places:
            place = min(places, key=lambda place: len(groups[place]))
            groups[place].append(one)
            taken[place] |= changed
    return groups


def _find_changed(one: Variant, names: list[str]) -> set[str]:
    """Return the functions that a variant may change: what is put at a module's end may bind whatever it names."""
    module = one.function.split(".")[0]

    def is_named(name: str) -> bool:
        own = name.split(".")
        return own[0] == module and (
            "globals()" in one.append or any(re.search(rf"\b{w}\b", one.append) for w in own[1:])
        )

    return {one.function, *filter(is_named, names)} if one.append else {one.function}


def write_export(manifest: Manifest, folder: Path, made: list[Made], layout: str = "gradescope") -> Path:
    """Write submissions as Gradescope, Canvas, Moodle or a folder of zips would give them; return the export's folder.

    Gradescope's are unpacked, but for every fourth and what is no zip; all others are zips. Of a person, Moodle has the
    last one only.
    """
    export = folder / "assignment_1_export" if layout == "gradescope" else folder
    export.mkdir(parents=True)
    metadata = ["---"]
    if layout == "moodle":
        again = [one.people for one in made if one.again]
        made = [one for one in made if one.again or one.people not in again]
    for one in made:
        package = export / f".{one.number}" / manifest.submission.packages[0]
        _write_package(manifest, one, package)
        place = export / _name(one, layout)
        if layout in ("gradescope", "moodle"):
            place.mkdir(exist_ok=True)
            place = place if layout == "gradescope" and one.number % 4 and one.kind not in BROKEN else place / "hw.zip"
        _pack(package.parent, place, one)
        shutil.rmtree(package.parent)
        metadata.extend(_describe(one))
    if layout == "gradescope":
        (export / "submission_metadata.yml").write_text("\n".join(metadata) + "\n")
        (folder / "__MACOSX").mkdir()
        (export / ".DS_Store").write_bytes(b"\0")
    return export


def _name(one: Made, layout: str) -> str:
    (name, sid, _), *_ = one.people
    plain = "".join(filter(str.isalnum, name)).lower() or "x"
    again = f"-{one.again}" * bool(one.again)
    return {
        "gradescope": f"submission_{1000 + one.number}",
        "canvas": f"{plain}{'_LATE' * one.late}_{sid[1:]}_{5000 + one.number}_hw{again}.zip",
        "moodle": f"{plain.title()} {sid}_{1000 + one.number}_assignsubmission_file_",
        "folder": f"{plain}-{one.number}.zip",
    }[layout]


def _describe(one: Made) -> Iterator[str]:
    yield f"submission_{1000 + one.number}:\n  :submitters:"
    for person in one.people:
        name, sid, email = map(json.dumps, person)
        yield f"  - :name: {name}\n    :sid: {sid}\n    :email: {email}"
    yield f"  :created_at: {one.time:%Y-%m-%d %H:%M:%S}.000000000 Z"


def _write_package(manifest: Manifest, one: Made, package: Path) -> None:
    if one.kind == "stub":
        shutil.copytree(manifest.path("student"), package, ignore=shutil.ignore_patterns("__pycache__", "datasets"))
        return
    copy_reference(manifest, package)
    if one.kind == "handed in again" and not one.again:
        return
    for variant in one.variants:
        plant(variant, package)
    if one.kind in VICIOUS:
        function = next(iter(manifest.functions()))
        plant(Variant(one.kind, one.kind, function, body=VICIOUS[one.kind]), package)
    if one.kind == "duplicate":
        module, path = locate(package, next(iter(manifest.functions())))
        source = module.read_text()
        start, end = find_span(source, path)
        module.write_text(f"{source[:start]}{source[start:end]}\n\n# written together\n{source[end:]}")


def _pack(source: Path, place: Path, one: Made) -> None:
    if place.suffix != ".zip":
        shutil.copytree(source, place, dirs_exist_ok=True)
        return
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in [] if one.kind == "empty" else sorted(filter(Path.is_file, source.rglob("*"))):
            archive.write(file, file.relative_to(source).as_posix())
    if one.kind == "broken zip":
        place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])


def main() -> None:
    """Write a class of the course at hand: `python -m tests.harness.made_export FOLDER --count 120`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", default="gradescope", choices=["gradescope", "canvas", "moodle", "folder"])
    words = parser.parse_args()
    manifest = load_manifest(Path("assignment.toml"))
    made = make_class(manifest, words.count, words.seed)
    print(write_export(manifest, words.folder, made, words.layout))
    planted = {one.id for some in made for one in some.variants}
    print(f"{len(made)} submissions, {len(planted)} variants")


if __name__ == "__main__":
    main()
