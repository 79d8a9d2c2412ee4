"""What students download: complete, the same each time, without a word of a solution; and it works where it lands."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.course import schema
from grader.errors import OutputError
from grader.grading import mistakes, run
from grader.notebooks import build
from grader.recording.cassette import load_answers
from grader.release import bundle, engine, leaks
from grader.release import student_files as stubs
from grader.release.secrets import add_module, collect_secrets
from grader.submit.notebooks import digest_text

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETUPTOOLS = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]
REAL = manifests.load_manifest(ROOT / manifests.FILENAME)
STRAYS = (
    "notes-on-students.txt",
    "points.csv",
    ".files.py.swp",
    ".scratch.py",
    "course/.env",
    "pdf/draft.typ",
    "release/notes.md",
    "release/templates/student/.Makefile.swp",
    "release/templates/container/.Dockerfile.swp",
)
ALONE = (
    "import runpy, sys\n"
    "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '') + repr(f)]\n"
    "sys.argv = ['grader', *sys.argv[1:]]\n"
    "runpy.run_module('grader', run_name='__main__')\n"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory, copy_of_toy):
    """The toy course, and its bundle's files."""
    course = copy_of_toy(tmp_path_factory.mktemp("course"))
    return course, bundle.collect_bundle(course.manifest)


@pytest.fixture
def files(made) -> dict[str, bytes]:
    """The bundle's files, to be changed at will."""
    return dict(made[1])


@pytest.fixture(scope="module")
def secrets(made):
    return collect_secrets(made[0].manifest)


def places(files, secrets) -> list[str]:
    return [str(leak) for leak in leaks.scan(files, secrets)]


# --- what is in it --------------------------------------------------------------------------------------------------


def test_it_holds_what_students_need_and_nothing_else(files):
    others = {name for name in files if not name.startswith("grader/")}
    assert others == {
        ".gitignore",
        "Makefile",
        "README.md",
        "assignment.toml",
        "checks/public/expected.npz",
        "checks/public/misconceptions.npz",
        "checks/public/test_q1_rectangles.py",
        "checks/public/test_q2_moments.py",
        "constraints.txt",
        "notebooks/Rectangles.ipynb",
        "notebooks/tests/contents.json",
        "notebooks/tests/q1_area.py",
        "notebooks/tests/q2_moments.py",
        "pyproject.toml",
        "student/__init__.py",
        "student/shapes.py",
    }


def test_the_package_is_made_of_stubs_whatever_lies_in_the_students_folder(made, toy):
    toy.write("student/shapes.py", "solved = True\n")
    toy.write("student/weights.pt", "secret")
    assert bundle.collect_bundle(toy.manifest) == made[1]


def test_it_holds_the_whole_engine_and_nothing_of_its_tests(files):
    """Students get what the distribution packs, since it holds no secret; what attacks the engine stays at home."""
    given = {name: content for name, content in files.items() if name.startswith("grader/")}
    patterns = ["**/*.py", *SETUPTOOLS["package-data"]["grader"]]
    engine = {f for pattern in patterns for f in (ROOT / "grader").glob(pattern) if f.is_file()}
    engine = {file for file in engine if "templates/course" not in file.as_posix()}  # it holds its solution
    assert given == {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in engine}
    assert not [name for name in files if re.search(r"harness|attack|mutant|mistakes/|hidden|solution|\.secret", name)]


def test_no_stray_file_leaves_with_the_engine(made, toy, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "grader", tmp_path / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(engine, "ENGINE", tmp_path)
    monkeypatch.setattr(bundle, "TEMPLATES", tmp_path / "grader/release/templates")
    monkeypatch.setattr(engine, "EXAMPLE", tmp_path / "grader/release/templates/course")
    for name in STRAYS:
        file = tmp_path / "grader" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("Ann copied from Bob")
    (tmp_path / "grader/.#files.py").symlink_to("ann@office.4711:1")  # an editor's lock
    (toy.root / "constraints.txt").write_bytes((ROOT / "constraints.txt").read_bytes())
    (toy.root / "assets").mkdir()
    toy.write("assets/.curve.csv.swp", "Ann copied from Bob")
    assert bundle.collect_bundle(toy.manifest) == made[1]
    packed = bundle.collect_autograder(toy.manifest)
    assert not [name for name in packed if name.removeprefix("grader/") in STRAYS]
    assert {name for name in packed if name.startswith("grader/")} == {n for n in made[1] if n.startswith("grader/")}


def test_a_course_without_notebooks_hands_out_nothing_of_notebooks(toy):
    toy.replace("assignment.toml", 'notebooks = ["Rectangles"]', "")
    toy.write("notebooks/images/plan.svg", "<svg/>")
    for file in (toy.root / "checks/mistakes").glob("*.toml"):
        file.write_text(re.sub(r"^section = .*\n", "", file.read_text(), flags=re.MULTILINE))
    assert not [name for name in bundle.collect_bundle(toy.manifest) if name.startswith("notebooks/")]


def test_what_students_install_follows_from_the_course(made, files, toy):
    def installed(course) -> set[str]:
        written = stubs.make_student_files(course.manifest)
        project = tomllib.loads(written["pyproject.toml"].decode())["project"]
        return set(project["dependencies"])

    project = tomllib.loads(files["pyproject.toml"].decode())["project"]
    assert installed(made[0]) == set(project["dependencies"])
    assert {"numpy", "jupyterlab", "otter-grader", "typst"} <= installed(made[0])
    assert not {"torch", "torchvision", "scipy", "ruff"} & installed(made[0])
    assert set(project["optional-dependencies"]) == {"class", "notebooks", "pdf", "torch"}
    toy.replace("assignment.toml", 'notebooks = ["Rectangles"]', "")
    assert installed(toy) == set(PROJECT["dependencies"])
    manifest = (toy.root / "assignment.toml").read_text()
    toy.write("assignment.toml", manifest + 'libraries = ["numpy", "torch", "sympy"]\n')
    assert installed(toy) == {*PROJECT["dependencies"], "torch", "torchvision", "sympy"}
    needed = {"torch", "torchvision", "pillow", "scipy", "matplotlib"}
    assert needed <= set(engine.list_for_students(REAL))


def test_students_are_told_how_large_the_download_is():
    written = tomllib.loads(stubs.make_student_files(REAL)["pyproject.toml"].decode())
    assert written["tool"]["chainrule"]["megabytes"]["torch"]["linux"] > 100


def test_the_manifest_keeps_hidden_points_and_no_secret(made, files, tmp_path):
    (tmp_path / "assignment.toml").write_bytes(files["assignment.toml"])
    students, own = manifests.load_manifest(tmp_path / "assignment.toml"), made[0].manifest
    assert students.questions == own.questions
    assert (students.points, students.submission, students.limits) == (own.points, own.submission, own.limits)
    assert students.paths.public == own.paths.public
    assert b"solution" not in files["assignment.toml"]
    assert b"mistakes" not in files["assignment.toml"]
    assert b"demo" not in files["assignment.toml"]


def test_the_real_manifest_survives_too(tmp_path):
    (tmp_path / "assignment.toml").write_text(stubs.to_toml(stubs.make_students_manifest(REAL)))
    students = manifests.load_manifest(tmp_path / "assignment.toml")
    for key in ("title", "points", "questions", "notebooks", "submission", "submit", "limits", "scales"):
        assert getattr(students, key) == getattr(REAL, key)
    assert (students.demo, students.container, students.release) == ([], schema.Container(), schema.Release())


@pytest.mark.parametrize(
    "table",
    [
        {"a": 1, "b": [1.5, 2], "c": "é \"'\\\n", "d": True, "e": []},
        {
            "a": {"b": {"c": 1}, "d e": [{"x": 1}, {"x": [[0.5, 1], [2, 3]]}]},
            "f": [{"g": "h" * 99, "i": ["j" * 60] * 3}],
        },
        {"tool": {"x.y": {"z": ["a\tb"]}}},
    ],
)
def test_toml_is_read_back(table):
    assert tomllib.loads(stubs.to_toml(table)) == table


def test_makefile_and_readme_speak_of_this_course(files):
    for name in ("Makefile", "README.md", ".gitignore"):
        text = files[name].decode()
        assert not re.search(r"@[A-Z]+@", text)
        assert "code_submission.zip" in text
    assert "| Q2 Mean and variance | `checks/public/test_q2_moments.py` | 4 | 1 |" in files["README.md"].decode()
    assert "8 points in all, 5 of them" in files["README.md"].decode().replace("\n", " ")
    for target in ("setup", "check", "watch", "lab", "preflight", "submit"):
        assert re.search(rf"^{target}: .*## ", files["Makefile"].decode(), re.MULTILINE)


def test_what_notebooks_hold_at_first_is_noted(files):
    held = json.loads(files["notebooks/tests/contents.json"])["Rectangles"]
    assert held["questions"] == {"why-multiply": "### Inline question 1", "why-order": "### Inline question 2"}
    assert (held["checks"], held["figures"], held["parameters"][:13]) == (["q1_area"], 0, "quick = False")
    assert digest_text("*Your answer:*") in held["texts"]


def test_the_same_sources_make_the_same_bytes(toy, command, tmp_path):
    made = []
    assert command("release")[:1] == (0,) and (toy.root / "release.zip").is_file()
    (toy.root / "release.zip").unlink()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        status, out, _ = command("release", "--out", str(tmp_path / name / "a2.zip"))
        assert (status, "no leak found" in out) == (0, True)
        made.append((tmp_path / name / "a2.zip").read_bytes())
        for file in toy.root.rglob("*.py"):
            file.touch()
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "one/a2.zip") as opened:
        names = opened.namelist()
    assert names == sorted(names)
    assert {name.partition("/")[0] for name in names} == {"a2"}


def test_a_folder_is_whole_or_not_there(made, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "collect_bundle", lambda *_: dict(made[1]))
    out = tmp_path / "a2"
    files = bundle.write_bundle(toy.manifest, out)
    assert {file.relative_to(out).as_posix(): file.read_bytes() for file in out.rglob("*") if file.is_file()} == files
    with pytest.raises(OutputError, match=r"a2 is there already; remove it first"):
        bundle.write_bundle(toy.manifest, out)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space left"):
        bundle.write_bundle(toy.manifest, tmp_path / "b")
    assert [file.name for file in tmp_path.iterdir()] == ["a2", "toy"] or not (tmp_path / "b").exists()
    assert not list(tmp_path.glob(".b*"))


def test_links_to_colab_are_a_setting(made, toy):
    address = "https://colab.example/github/us/a2/blob/main"
    linked = bundle.collect_bundle(toy.manifest, address)
    changed = {name: content for name, content in linked.items() if content != made[1][name]}
    assert list(changed) == ["notebooks/Rectangles.ipynb"]
    notebook = json.loads(changed["notebooks/Rectangles.ipynb"])
    assert notebook["cells"][0]["source"] == [f"[Open this notebook in Colab]({address}/notebooks/Rectangles.ipynb)"]
    assert notebook["cells"][0]["metadata"] == {"tags": ["pdf-ignore"]}
    assert len(notebook["cells"]) == len(build.make_students_notebook(toy.manifest, "Rectangles")["cells"]) + 1
    toy.replace("assignment.toml", "[limits]", f'[release]\ncolab = "{address}"\n[limits]')
    assert toy.manifest.release.colab == address


# --- leaks ----------------------------------------------------------------------------------------------------------

RENAMED = """
def spread(a):
    centre = a.mean(axis=0)
    distance = np.square(a - centre).mean(axis=0)
    return centre, distance
"""
PLANTED = {
    "a line of a solution": (
        "student/shapes.py", "    variance = np.square(x-mean).mean( axis = 0 )  # mine\n",
        "student/shapes.py, line 23: a line of solution/shapes.py, line 18",
    ),
    "a solution with other names": (
        "student/helper.py", RENAMED, "student/helper.py, line 3: statements as in solution/shapes.py, line 17",
    ),
    "a solution in a text": (
        "README.md", "\n    variance = np.square(x - mean).mean(axis=0)\n", "a line of solution/shapes.py, line 18",
    ),
    "a solution in the engine": ("grader/grading/run.py", RENAMED, "statements as in solution/shapes.py, line 17"),
    "a marker": ("student/shapes.py", "    # BEGIN SOLUTION\n", "student/shapes.py, line 23: a marker of a solution"),
    "a hidden check's name": ("README.md", "see test_area_of_much\n", "test_area_of_much, the name of a check in"),
    "a hidden seed": ("checks/public/test_q1_rectangles.py", "rng = 730_555\n", "730555, a seed in checks/hidden"),
    "a hidden seed in other digits": ("README.md", "(730555)\n", "730555, a seed in checks/hidden"),
    "a model answer": (
        "README.md", "\nAs\neverybody knows unit squares stand in rows of equal  length, one upon another.\n",
        "words of the answer in notebooks/source/Rectangles.py",
    ),
    "a rubric": ("README.md", "Unit squares stand in rows of equal length. 1 point: rows\n", "words of the answer in"),
    "a proof": (
        "README.md", 'assert largest(widths, heights) * scale == 6, "the largest area is not 6"\n',
        "a line of the cell in notebooks/source/Rectangles.py",
    ),
    "a file of the reference": ("solution/shapes.py", "", "solution/shapes.py: lies in solution, which only"),
    "history": (".git/HEAD", "ref: refs/heads/main\n", ".git/HEAD: history, a cache or the like"),
    "a source of notebooks": ("notebooks/source/Rectangles.py", "", "lies in notebooks/source, which only"),
}  # fmt: skip


@pytest.fixture(scope="module")
def guarded(made):
    """The secrets of the toy course with a hidden check and a hidden seed of its own."""
    course = made[0]
    text = "SEED = 730_555\n\n\ndef test_area_of_much(student):\n    pass\n"
    file = course.write("checks/hidden/test_q3_more.py", text)
    found = collect_secrets(course.manifest)
    file.unlink()
    return found


def test_nothing_leaks_from_a_clean_bundle(files, guarded):
    assert places(files, guarded) == []


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_planted_is_found(files, guarded, case):
    name, text, sentence = PLANTED[case]
    files[name] = files.get(name, b"") + text.encode()
    found = places(files, guarded)
    assert found
    assert any(sentence in place for place in found), found


def test_cells_of_notebooks_are_searched_one_by_one(files, guarded):
    notebook = json.loads(files["notebooks/Rectangles.ipynb"])
    notebook["cells"][4]["source"] = ["%time\n", *RENAMED.splitlines(keepends=True)]
    notebook["cells"][8]["metadata"]["rubric"] = "Unit squares stand in rows of equal length. 1 point: rows"
    files["notebooks/Rectangles.ipynb"] = json.dumps(notebook).encode()
    assert places(files, guarded) == [
        "notebooks/Rectangles.ipynb, cell 5, line 4: statements as in solution/shapes.py, line 17",
        "notebooks/Rectangles.ipynb, cell 9, line 1: words of the answer in notebooks/source/Rectangles.py, line 62",
    ]


def test_a_copy_of_a_whole_file_is_found_whatever_it_is_called(made, files, guarded):
    files["student/data.bin"] = (made[0].root / "checks/hidden/test_q1_rectangles.py").read_bytes()
    assert any("is the file checks/hidden/test_q1_rectangles.py" in place for place in places(files, guarded))


def test_a_secret_of_the_instructors_is_found_in_any_form(made, files):
    course, name = made[0], "checks/hidden/draws.secret"
    before = (course.root / "assignment.toml").read_text()
    course.write("assignment.toml", f'{before}\n[container]\nsecrets = ["{name}"]\n')
    try:
        secrets = collect_secrets(course.manifest)
        drawn = (course.root / name).read_text().strip()
    finally:
        course.write("assignment.toml", before)
        (course.root / name).unlink(missing_ok=True)
    assert places(files, secrets) == []
    forms = [bytes.fromhex(drawn), drawn.encode(), drawn.upper().encode(), base64.b64encode(bytes.fromhex(drawn))]
    for form in forms:
        found = places(files | {"student/data.bin": b"\x00" + form + b"\x00"}, secrets)
        assert found == [f"student/data.bin: holds the secret of {name}"], form


def test_other_code_of_the_same_kind_is_no_leak(files, guarded):
    files["student/own.py"] = b"def f(x):\n    mean = x.sum() / len(x)\n    return mean, x.max(), x.min() + 3 * mean\n"
    assert places(files, guarded) == []


def test_a_leak_refuses_the_release_and_names_file_and_line(toy, command, tmp_path):
    toy.write("checks/public/helper.py", "import numpy as np\n" + RENAMED)
    status, _, err = command("release", "--out", str(tmp_path / "a2.zip"))
    assert status == 2
    assert "cannot run: nothing was released, since this would leak:" in err
    assert "checks/public/helper.py, line 4: statements as in solution/shapes.py, line 17" in err
    assert not (tmp_path / "a2.zip").exists()


def test_a_line_that_is_no_secret_can_be_let_through(made, toy, files):
    files["README.md"] += b"\nvariance = np.square(x - mean).mean(axis=0)\n"
    line = "variance = np.square(x - mean).mean(axis=0)"
    toy.replace("assignment.toml", "[limits]", f'[release]\nknown_lines = ["{line}"]\n[limits]')
    assert places(files, collect_secrets(toy.manifest)) == []


def test_every_solution_of_the_assignment_is_found_in_its_own_file():
    secrets = leaks.Secrets()
    for file in sorted(REAL.path("reference").rglob("*.py")):
        add_module(secrets, REAL, file)
        text = file.read_text()
        regions, source = stubs.find_regions(file, text), text.splitlines()
        if regions:
            name = f"student/{file.name}"
            found = leaks.scan({name: text.encode()}, secrets)
            lines = {
                int(match[1]) for leak in found if (match := re.search(r"line (\d+): (?:a line|statements)", str(leak)))
            }
            missed = [r for r in regions if not any(r.first < line < r.last for line in lines)]
            # a few signs that anyone would write so, such as out = x, are no secret
            secret = [r for r in missed if len(leaks.TOKEN.findall(" ".join(source[r.first : r.last - 1]))) > 12]
            assert not secret, f"{file.name}: {secret}"


# --- the artifact, not the repository -------------------------------------------------------------------------------


def alone(root: Path, *words: str) -> subprocess.CompletedProcess:
    """Runs a command with the bundle's own engine, and with no other within reach."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"COLUMNS": "120", "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-c", ALONE, *words], cwd=root, env=environment, capture_output=True, text=True, timeout=1200
    )


def test_the_toy_bundle_works_where_it_lands(made, tmp_path):
    root = tmp_path / "a b"
    bundle.write_bundle(made[0].manifest, root)
    done = alone(root, "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "Total: 0 of " in done.stdout
    shutil.copy(made[0].root / "solution/shapes.py", root / "student/shapes.py")
    done = alone(root, "check", "-q", "Q1")
    assert (done.returncode, done.stderr) == (0, "")
    done = alone(root, "submit", "--anyway", "--date", "2026-01-31")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("### Done! Please submit code_submission.zip and ")
    needs = f"cannot run: {root.resolve()}/reference is not there, and this needs the reference; only the instructor's"
    for words in (["grade", "student"], ["release", "--out", "b"], ["stubs"], ["mistakes"], ["demo"], ["autograder"]):
        done = alone(root, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"{needs} side has it\n"
    shown = set(re.findall(r"^  (\w+)  ", alone(root, "--help").stdout, re.MULTILINE))
    assert shown == {"check", "doctor", "watch", "pdf", "preflight", "submit"}


def test_students_read_hints_without_the_catalogue(made, tmp_path):
    root, sentence = tmp_path / "a2", "hint  Your areas equal widths plus heights."
    bundle.write_bundle(made[0].manifest, root)
    solution = (made[0].root / "solution/shapes.py").read_text()
    (root / "student/shapes.py").write_text(solution.replace("width * height", "height + width"))
    assert sentence in alone(root, "check", "-q", "Q1").stdout
    assert sentence not in alone(root, "check", "-q", "Q1", "--no-hints").stdout
    assert not (root / ".chainrule.json").exists()
    (root / "checks/public/test_q1_rectangles.py").open("a").write("# a line of one's own\n")
    assert sentence not in alone(root, "check", "-q", "Q1").stdout
    (root / "checks/public/misconceptions.npz").write_bytes(b"PK")
    done = alone(root, "check", "-q", "Q1")
    assert (done.returncode, done.stderr) == (1, "")


def test_hints_hold_no_number_of_an_answer_and_only_of_checks_whose_answers_students_have(made, tmp_path):
    files = {name: made[1][f"checks/public/{name}"] for name in ("misconceptions.npz", "expected.npz")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with np.load(tmp_path / "misconceptions.npz", allow_pickle=False) as members:
        assert sorted(members) == ["digests", "header"]
        text = members["header"].tobytes().decode()
        digests = members["digests"].size
    header = json.loads(text, parse_float=lambda number: pytest.fail(f"{number} is in the file"))
    assert digests == 6 * sum(len(checks) for _, checks in header["variants"])
    assert header["checks"] and not [check for check in header["checks"] if "hidden" in check]
    assert set(header["checks"]) <= set(load_answers(tmp_path / "expected.npz").header.cassettes)


def test_a_course_that_gives_no_hints_releases_none(toy):
    toy.write("assignment.toml", (toy.root / "assignment.toml").read_text() + '\n[report]\nhints = "never"\n')
    assert "checks/public/misconceptions.npz" not in bundle.collect_bundle(toy.manifest)


@pytest.mark.slow
def test_the_assignments_bundle_works_where_it_lands(tmp_path):
    """Stubs get nothing, the reference's code all public points; mistakes are told as with the reference at hand."""
    bundle.write_bundle(REAL, tmp_path / "a2.zip")
    with zipfile.ZipFile(tmp_path / "a2.zip") as opened:
        opened.extractall(tmp_path)
    root = tmp_path / "a2"
    status, record = checked(root)
    assert (status, record["score"]) == (1, 0)
    ignored = shutil.ignore_patterns("datasets", "__pycache__")
    shutil.copytree(REAL.path("reference"), root / "student", dirs_exist_ok=True, ignore=ignored)
    status, record = checked(root)
    assert (status, record["score"]) == (0, record["max_score"])
    assert {check["outcome"] for check in record["checks"]} <= {"passed", "not_scored"}
    mistakes.build_demo(REAL, mistakes.choose_for_demo(REAL), tmp_path / "demo.zip")
    with zipfile.ZipFile(tmp_path / "demo.zip") as opened:
        opened.extractall(tmp_path / "demo")
    shutil.copytree(tmp_path / "demo/student", root / "student", dirs_exist_ok=True)
    _, record = checked(root)
    live = run.grade_package(REAL, tmp_path / "demo/student", Selection(timing=False))
    expected = {check.id: check.outcome for check in live.checks if check.visibility == "public"}
    told = {check["id"]: check["outcome"] for check in record["checks"] if check["outcome"] != "not_scored"}
    assert told == {name: outcome for name, outcome in expected.items() if name in told}
    assert len(told) > 0.95 * len(expected)


def checked(root: Path) -> tuple[int, dict]:
    """The exit status and the record of a bundle's check."""
    done = alone(root, "check", "--json", "record.json")
    assert done.stderr == ""
    return done.returncode, json.loads((root / "record.json").read_bytes())
