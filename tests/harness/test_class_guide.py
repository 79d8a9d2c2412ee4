"""The class guide leads from an export to the gradebook: its commands run, on a made export of the toy course."""

import re
import shlex
import zipfile
from pathlib import Path

import pandas

GUIDE = Path(__file__).parents[2] / "docs/class-guide.md"
COMMANDS = re.findall(r"^python -m grader (class .*)$", GUIDE.read_text(), re.MULTILINE)
WRONG = "def area(width, height):\n    return width + height\n"
METADATA = """---
submission_{number}:
  :submitters:
  - :name: {name}
    :sid: s{number}
    :email: {name}@example.org
  :created_at: 2026-03-01 10:00:00.000000000 Z
"""


def test_commands_of_the_guide_lead_from_an_export_to_the_gradebook(toy, command):
    export = toy.root / "export"
    solution = (toy.root / "solution/shapes.py").read_text()
    metadata = ""
    for number, (name, text) in enumerate({"ada": solution, "bob": WRONG}.items(), 1):
        folder = export / f"submission_{number}"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "code.zip", "w") as archive:
            archive.writestr("student/shapes.py", text)
        metadata += METADATA.format(number=number, name=name).removeprefix("---\n" if number > 1 else "")
    (export / "submission_metadata.yml").write_text(metadata)
    title = toy.manifest.title
    (toy.root / "canvas.csv").write_text(f"Student,ID,SIS User ID,{title} (7)\nAda,5,s1,\nBob,6,s2,\n")
    (toy.root / "worksheet.csv").write_text("Identifier,Email address,Grade\nParticipant 3,ada@example.org,\n")
    assert len(COMMANDS) == 11
    for line in COMMANDS:
        status, said, problem = command(*shlex.split(line))
        assert status == 0, (line, said, problem)
    found = {form: pandas.read_csv(toy.root / f"class/gradebook-{form}.csv") for form in ("csv", "canvas", "moodle")}
    marks = dict(zip(found["csv"]["Name"], found["csv"]["Mark"], strict=True))
    assert marks["ada"] == toy.manifest.points and 0 <= marks["bob"] < marks["ada"]
    assert list(found["canvas"][f"{title} (7)"]) == [marks["ada"], marks["bob"]]
    assert list(found["moodle"]["Grade"]) == [marks["ada"]]
    assert {"page.html", "similar.html", "feedback"} <= {place.name for place in (toy.root / "class").iterdir()}
