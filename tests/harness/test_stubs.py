"""The student's package is what the reference makes it: nothing of a solution, a marker or an edit gets lost."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from grader.errors import CourseError
from grader.release import student_files as stubs

ROOT = Path(__file__).parents[2]
REAL = manifests.load_manifest(ROOT / manifests.FILENAME)
TOY = manifests.load_manifest(Path(__file__).with_name("toy") / manifests.FILENAME)
COURSES = pytest.mark.parametrize("manifest", [REAL, TOY], ids=["assignment", "toy"])
LONG_LINE = 25


@COURSES
def test_committed_files_are_the_generated_ones(manifest):
    made = {path.as_posix(): text.encode() for path, text in stubs.generate_stubs(manifest).items()}
    target = manifest.path("student")
    assert {file.relative_to(target).as_posix(): file.read_bytes() for file in target.rglob("*.py")} == made


def module_at(path: Path) -> str:
    return path.with_suffix("").as_posix().replace("/", ".")


@COURSES
def test_every_function_is_a_stub_that_names_itself_and_its_checks(manifest):
    texts = {module_at(path): text for path, text in stubs.generate_stubs(manifest).items()}
    for name, question in manifest.functions().items():
        module = next(module for module in texts if name.startswith(f"{module}."))
        body = _source_of(texts[module], name.removeprefix(f"{module}."))
        assert f'raise NotImplementedError("{name}")' in body
        assert f"{manifest.paths.public}/{question.file} judges it." in body


@COURSES
def test_no_line_of_a_solution_is_given_away(manifest):
    for path, text in stubs.generate_stubs(manifest).items():
        source = (manifest.path("reference") / path).read_text()
        lines = [line.strip() for line in source.splitlines()]
        secret = [line for region in stubs.find_regions(path, source) for line in lines[region.first : region.last - 1]]
        open_ones = Counter(lines) - Counter(secret)
        leaked = Counter(line.strip() for line in text.splitlines()) - open_ones
        assert not {line for line in leaked if line in secret and len(line) > LONG_LINE}, path
        assert "SOLUTION" not in text


@COURSES
def test_stubs_are_whole_modules_with_the_signatures_of_the_reference(manifest):
    for path, text in stubs.generate_stubs(manifest).items():
        ours, theirs = _signatures((manifest.path("reference") / path).read_text()), _signatures(text)
        assert all(theirs[name] == ours[name] for name in theirs)
        functions = {name.removeprefix(f"{module_at(path)}.") for name in manifest.functions()}
        assert functions & set(ours) <= set(theirs)


def test_first_line_names_the_source_and_notices_an_edit():
    text = stubs.generate_stubs(TOY)[Path("shapes.py")]
    assert text.startswith('# Generated from solution/shapes.py by "python -m grader stubs"')
    assert stubs.is_unchanged(text)
    assert not stubs.is_unchanged(text.replace("raise", "pass; raise", 1))
    assert not stubs.is_unchanged(text.partition("\n")[2])


BODY = '''def area(w, h):
    """Doc."""
{}
    return w


def moments(x):
    # BEGIN SOLUTION
    pass
    # END SOLUTION
'''


@pytest.mark.parametrize(
    "lines, sentence",
    [
        ("    # BEGIN SOLUTION\n    w = 1", "shapes.py, line 9: '# BEGIN SOLUTION' without its partner"),
        ("    w = 1\n    # END SOLUTION", "shapes.py, line 4: '# END SOLUTION' without its partner"),
        ("    # BEGIN SOLUTION\n    # BEGIN SOLUTION", "shapes.py, line 4: '# BEGIN SOLUTION' without its partner"),
        ("    w = 1", "questions Q1.functions: shapes.area has no solution region in"),
    ],
)
def test_markers_that_do_not_fit(toy, lines, sentence):
    toy.write("solution/shapes.py", BODY.format(lines))
    with pytest.raises(CourseError, match=re.escape(sentence)):
        stubs.generate_stubs(toy.manifest)


def test_marker_that_is_never_closed(toy):
    toy.write("solution/shapes.py", "# BEGIN SOLUTION\nx = 1\n")
    with pytest.raises(CourseError, match=r"shapes.py, line 1: '# BEGIN SOLUTION' without its partner; add"):
        stubs.generate_stubs(toy.manifest)


def test_region_of_a_function_no_question_lists(toy):
    toy.replace("solution/shapes.py", "    sides = np", "    # BEGIN SOLUTION\n    # END SOLUTION\n    sides = np")
    sentence = "shapes.py, line 25: shapes.squares has a solution region, but no question lists it; add it"
    with pytest.raises(CourseError, match=sentence):
        stubs.generate_stubs(toy.manifest)


def test_no_reference(toy, command):
    (toy.root / "solution").rename(toy.root / "elsewhere")
    status, _, err = command("stubs")
    assert status == 2
    assert "solution is not there, and this needs the reference; only the instructor's side has it" in err


def test_regions_in_methods_nested_functions_and_outside(toy):
    source = """
# BEGIN SOLUTION
import secret_library
# END SOLUTION
class Shape:
    def area(self):
        def inner():
            # BEGIN SOLUTION
            return 1
            # END SOLUTION
        return inner()
"""
    toy.write("solution/more.py", source)
    toy.replace("assignment.toml", '"shapes.moments"', '"shapes.moments", "more.Shape.area.inner"')
    text = stubs.generate_stubs(toy.manifest)[Path("more.py")]
    assert "secret_library" not in text
    assert '            raise NotImplementedError("more.Shape.area.inner")\n        return inner()' in text
    ast.parse(text)


def test_a_region_at_the_end_leaves_no_blank_lines(toy):
    toy.write("solution/more.py", "x = 1\n\n\n# BEGIN SOLUTION\ny = 2\n\n\n# END SOLUTION\n")
    assert stubs.generate_stubs(toy.manifest)[Path("more.py")].endswith("\nx = 1\n")


def test_edited_files_are_not_overwritten_without_force(toy, command):
    mine = toy.write("student/shapes.py", (toy.root / "student/shapes.py").read_text() + "mine = 1\n")
    helper = toy.write("student/helper.py", "mine = 2\n")
    status, _, err = command("stubs")
    assert status == 2
    assert "student/shapes.py, student/helper.py: edited since it was generated; move your work away" in err
    assert "mine = 1" in mine.read_text()
    status, out, _ = command("stubs", "--force")
    assert (status, "2 files written" in out) == (0, True)
    assert "mine" not in mine.read_text()
    assert not helper.exists()
    assert command("stubs")[0] == 0


def test_untouched_files_follow_a_changed_reference(toy, command):
    toy.replace("solution/shapes.py", "Areas of rectangles, and", "The areas of rectangles, and")
    status, out, _ = command("stubs")
    assert (status, "written: student/shapes.py" in out) == (0, True)
    assert "The areas of rectangles" in (toy.root / "student/shapes.py").read_text()


@pytest.mark.parametrize("change", ["changed", "missing", "surplus"])
def test_drift_is_noticed(toy, command, change):
    assert command("stubs", "--check")[:2] == (0, "nothing differs from what the reference makes\n")
    file = toy.root / "student" / ("more.py" if change == "surplus" else "shapes.py")
    file.unlink() if change == "missing" else file.write_text("x = 1\n")
    status, out, _ = command("stubs", "--check")
    assert status == 1
    assert out == (
        f"differs: student/{file.name}\n1 file differs from what the reference makes; run: python -m grader stubs\n"
    )
    assert file.exists() == (change != "missing")


def _source_of(text: str, name: str) -> str:
    node = ast.parse(text)
    for part in name.split("."):
        node = next(child for child in ast.iter_child_nodes(node) if getattr(child, "name", "") == part)
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def _signatures(text: str) -> dict[str, str]:
    found = {}

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if isinstance(child, ast.FunctionDef):
                    found[name] = (ast.unparse(child.args), ast.get_docstring(child))
                walk(child, f"{name}.")

    walk(ast.parse(text), "")
    return found
