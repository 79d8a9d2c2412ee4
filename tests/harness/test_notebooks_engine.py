"""Notebooks come from their sources, whole and the same each time; their checks say what the engine says; runs leave
nothing behind.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import otter
import psutil
import pytest
from nbformat import v4

from grader.course import manifest as manifests
from grader.errors import CourseError
from grader.notebooks import build
from grader.notebooks.checkfiles import CheckProcess, judge
from grader.otter_adapter import Checks
from tests.harness.notebook_execution import Settings, _configure, copy_course, execute, override

ROOT = Path(__file__).parents[2]
REAL = manifests.load_manifest(ROOT / manifests.FILENAME)
SOURCE = "notebooks/source/Rectangles.py"
MADE = "notebooks/Rectangles.ipynb"
OTHER_ENDS = (signal.SIGINT, signal.SIGKILL)
RIGHT = "import numpy as np\n\ndef area(width, height):\n    return width * height\n\nmoments = squares = None\n"


def read(toy) -> dict:
    return json.loads((toy.root / MADE).read_text())


def texts(notebook: dict) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"]]


@pytest.fixture
def made(toy):
    """The toy course with its notebook generated."""
    build.write_notebooks(toy.manifest)
    return toy


@pytest.fixture
def in_notebooks(made, monkeypatch):
    """The same, the current folder being that of the notebooks, as in a kernel."""
    monkeypatch.chdir(made.root / "notebooks")
    return made


# --- generating -----------------------------------------------------------------------------------------------------


def test_a_students_notebook_is_valid_and_empty(made):
    notebook = read(made)
    nbformat.validate(nbformat.from_dict(notebook))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["chainrule"]["generated"].startswith(f"from {SOURCE} by ")
    assert "jupytext" not in json.dumps(notebook)


def test_solutions_become_stubs_and_answers_become_room(made):
    found = texts(read(made))
    stub = 'raise NotImplementedError("Rectangles: Widths: set widths to the widths of three rectangles")'
    assert f"heights = np.ones(3)\n# Write your code here.\n{stub}\n" in found[6]
    assert f"def largest(widths, heights):\n    # Write your code here.\n    {stub}" in found[6]
    assert found[7] == "scale = 1.0\n# Change the values above."
    assert [text for text in found if text == "*Your answer:*"] == ["*Your answer:*"] * 2
    assert "%load_ext autoreload" in found[2].splitlines()


def test_nothing_for_instructors_is_left(made):
    text = (made.root / MADE).read_text()
    for secret in ("SOLUTION", "rubric", "Unit squares", "2.0, 3.0", "proof", "scale = 2.0", "the largest area"):
        assert secret not in text
    question = next(c for c in read(made)["cells"] if "inline-question" in c["metadata"].get("tags", []))
    assert question["metadata"] == {"tags": ["inline-question"], "question": "why-multiply", "points": 2}


def test_the_instructors_notebook_has_everything(toy):
    found = "".join(texts(build.make_instructors_notebook(toy.manifest, "Rectangles")))
    for part in ("widths = np.array([1.0, 2.0, 3.0])", "the largest area is not 6", "Unit squares", "scale = 2.0"):
        assert part in found


def test_the_same_bytes_each_time_and_ids_that_outlive_an_insertion(toy):
    first = build.generate_notebooks(toy.manifest)
    assert build.generate_notebooks(toy.manifest) == first
    ids = {"".join(c["source"]): c["id"] for c in json.loads(first[toy.root / MADE])["cells"] if c["source"]}
    toy.replace(SOURCE, "# %% [markdown]\n# ## Area", "# %% [markdown]\n# New.\n\n# %% [markdown]\n# ## Area")
    later = json.loads(build.generate_notebooks(toy.manifest)[toy.root / MADE])
    assert ids.items() <= {"".join(c["source"]): c["id"] for c in later["cells"]}.items()


def test_jupyter_saves_the_same_bytes(made):
    before = (made.root / MADE).read_bytes()
    nbformat.write(nbformat.read(made.root / MADE, nbformat.NO_CONVERT), made.root / MADE)
    assert (made.root / MADE).read_bytes() == before


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        (
            "# BEGIN SOLUTION\nwidths",
            "widths",
            r"line 36: '# END SOLUTION' in the cell's line 3 has no partner; add or",
        ),
        ("3.0])\n# END SOLUTION", "3.0])", r"line 36: '# BEGIN SOLUTION' in the cell's line 7 has no partner"),
        ("    # END SOLUTION\n", "", r"line 36: '# BEGIN SOLUTION' in the cell's line 8 has no partner; add '# END"),
        (' exercise="Widths: set widths to the widths of three rectangles"', "", "solution without exercise="),
        (' tags=["tune"]', "", "solution without exercise="),
        ('"pdf-title"', '"pdf-titel"', "line 1: unknown tag 'pdf-titel'; choose from .*inline-answer, "),
        (" points=2", "", "question 'why-multiply' has no points; add points=2"),
        (" points=2", ' points="2"', "question 'why-multiply' has no points"),
        (
            'question="why-multiply" points',
            "points",
            'an inline question is a \\[markdown\\] cell with question="its-id"',
        ),
        ('"why-order" points', '"why-multiply" points', "question 'why-multiply' stands in .*, line 58 too; give each"),
        ('"inline-answer"] question="why-order"', '"pdf-inline"]', "tag it inline-answer"),
        (
            '"inline-answer"] question="why-order"',
            '"inline-answer"] question="why"',
            "answer to question 'why', which is",
        ),
        (
            "# <!-- BEGIN SOLUTION -->\n# No.\n# <!-- END SOLUTION -->",
            "# No.",
            "put the model answer between the marke",
        ),
        ("# <!-- END SOLUTION -->\n\n", "# end\n\n", r"'<!-- BEGIN SOLUTION -->' in the cell's line 1 has no partner"),
        ("Inline question 2", "Inline question 3", "'why-order' lacks the heading '### Inline question 2'"),
        ('check("q1_area")', 'check("q1_aera")', r"grader.check\('q1_aera'\): there is no such check; perhaps q1_area"),
        ('# %% tags=["proof"]', '# %% tags=["parameters"]', "a second cell tagged parameters; keep one"),
        ('# %% tags=["proof"]', "# %% tags=[proof]", r"'tags=\[proof\]' is not metadata; write it as tags="),
        ('# %% tags=["proof"]', '# %% colour="red"', "colour: unknown key; choose from answer, exercise, points"),
        ('# %% [markdown] tags=["pdf-title"]', "x = 1\n# %%", "its cells cannot be told apart; begin with '# %%'"),
        ('# %% tags=["proof"]', '# %% exercise="Say it"', "exercise 'Say it' without a solution; put it between"),
    ],
)
def test_a_fault_in_a_source_is_named_with_its_place(toy, command, old, new, sentence):
    text = (toy.root / SOURCE).read_text()
    toy.write(SOURCE, text.replace(old, new, 1))
    status, _, err = command("notebooks")
    assert status == 2 and err.startswith(f"cannot run: {SOURCE}") and err.count("\n") == 1
    assert re.search(sentence, err), err
    assert not (toy.root / MADE).exists()


def test_a_check_that_is_commented_out_need_not_exist(toy):
    text = (toy.root / SOURCE).read_text()
    toy.write(SOURCE, text + '\n# %%\nheight = 1  # grader.check("q9_gone")\n')
    assert toy.root / MADE in build.generate_notebooks(toy.manifest)
    toy.write(SOURCE, text + '\n# %%\ngrader.check("q9_gone")\n')
    with pytest.raises(CourseError, match="'q9_gone'\\): there is no such check"):
        build.generate_notebooks(toy.manifest)


def test_a_question_without_an_answer(toy):
    text = (toy.root / SOURCE).read_text()
    toy.write(SOURCE, text[: text.index('# %% [markdown] tags=["inline-answer"] question="why-order"')])
    with pytest.raises(CourseError, match="question 'why-order' has no answer; add a markdown cell"):
        build.generate_notebooks(toy.manifest)


def test_questions_of_two_notebooks_have_ids_of_their_own(toy):
    toy.replace("assignment.toml", '["Rectangles"]', '["Rectangles", "Squares"]')
    toy.write("notebooks/source/Squares.py", (toy.root / SOURCE).read_text())
    with pytest.raises(CourseError, match=r"Squares.py, line 58: question 'why-multiply' stands in .*Rectangles.py"):
        build.generate_notebooks(toy.manifest)


@pytest.mark.parametrize(
    "names, sentence",
    [
        ('["Rectangles", "Rectangles"]', "notebooks: 'Rectangles' stands twice or is no file name"),
        ('["../up"]', "notebooks: '../up' stands twice or is no file name"),
        ('["Circles"]', "notebooks/source/Circles.py: cannot be read (No such file or directory); write it, or fix"),
    ],
)
def test_a_wrong_name_in_the_manifest(toy, command, names, sentence):
    toy.replace("assignment.toml", '["Rectangles"]', names)
    status, _, err = command("notebooks")
    assert status == 2 and sentence in err and err.count("\n") == 1


def test_a_wrong_name_on_the_command_line(toy, command):
    assert command("notebooks", "Circles")[2] == (
        "cannot run: there is no notebook 'Circles'; choose from Rectangles\n"
    )


def test_the_instructors_notebooks_go_elsewhere_than_the_students(toy, command):
    assert command("notebooks", "--instructor", "out")[:2] == (0, "written: out/Rectangles.ipynb\n")
    text = (toy.root / "out/Rectangles.ipynb").read_text()
    assert "Unit squares" in text and "Your answer" not in text
    assert not (toy.root / MADE).exists()
    assert command("notebooks", "--instructor", "notebooks")[2] == (
        "cannot run: notebooks holds the students' notebooks; choose another folder\n"
    )


# --- drift and edits -------------------------------------------------------------------------------------------------


def test_check_names_what_differs_and_the_remedy(toy, command):
    assert command("notebooks")[:2] == (
        0,
        "".join(f"written: notebooks/{f}\n" for f in ("tests/q1_area.py", "tests/q2_moments.py", "Rectangles.ipynb"))
        + "3 files written\n",
    )
    assert command("notebooks", "--check") == (0, "nothing differs from what the sources make\n", "")
    toy.replace(SOURCE, "Their area", "The area")
    (toy.root / "notebooks/tests/q2_moments.py").unlink()
    status, out, _ = command("notebooks", "--check")
    assert status == 1
    assert out == (
        "differs: notebooks/tests/q2_moments.py\ndiffers: notebooks/Rectangles.ipynb\n"
        "2 files differ from what the sources make; run: python -m grader notebooks\n"
    )


def test_what_nothing_makes_any_more_goes(made):
    toy = made
    text = (toy.root / MADE).read_text()
    toy.write("notebooks/Old.ipynb", text)
    toy.write("notebooks/mine.ipynb", "{}")
    toy.write("notebooks/tests/q1_old.py", (toy.root / "notebooks/tests/q1_area.py").read_text())
    toy.write("notebooks/tests/mine.py", "OK_FORMAT = False\n")
    assert {file.name for file in build.write_notebooks(toy.manifest)} == {"Old.ipynb", "q1_old.py"}
    assert (toy.root / "notebooks/mine.ipynb").is_file() and (toy.root / "notebooks/tests/mine.py").is_file()


@pytest.mark.parametrize("edit", ["run", "answered", "added", "broken"])
def test_a_students_work_is_not_overwritten(made, command, edit):
    notebook = read(made)
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    if edit == "run":
        code["execution_count"] = 1
    elif edit == "answered":
        next(cell for cell in notebook["cells"] if cell["source"] == ["*Your answer:*"])["source"] = ["Because."]
    elif edit == "added":
        notebook["cells"].append(code | {"id": "new"})
    text = "{" if edit == "broken" else json.dumps(notebook)
    made.write(MADE, text)
    made.replace(SOURCE, "Their area", "The area")
    status, _, err = command("notebooks")
    assert status == 2
    assert err == (f"cannot run: {MADE}: edited or run since it was made; move it away, or overwrite it with --force\n")
    assert (made.root / MADE).read_text() == text
    assert command("notebooks", "--force")[0] == 0
    assert "The area" in (made.root / MADE).read_text() and build.is_unedited(made.root / MADE)


def test_an_untouched_notebook_that_jupyter_saved_is_made_again(made, command):
    notebook = read(made)
    notebook["metadata"]["language_info"]["version"] = "3.12.1"
    made.write(MADE, json.dumps(notebook))
    assert command("notebooks")[1] == f"written: {MADE}\n1 file written\n"


# --- checks ----------------------------------------------------------------------------------------------------------


def test_there_is_a_check_for_every_judged_function():
    files = build.collect_check_files(REAL)
    assert {file.function for file in files.values()} == set(REAL.functions())
    for name in (
        "q1_fully_connected_net_init",
        "q2_fully_connected_net_loss",
        "q2_batchnorm_backward",
        "q4_three_layer_conv_net_init",
        "q5_three_layer_conv_net_forward",
    ):
        assert files[name].name == name
    single = [file for file in files.values() if file.question == "Q6"]
    assert sum(file.points for file in single) == REAL.question("Q6").public_points


def test_names_of_checks(toy):
    toy.write("student/nets.py", "class HTTPNet2D:\n    def __init__(self): ...\n")
    assert build.name_check_file(toy.manifest, "Q7", "nets.HTTPNet2D.__init__") == "q7_http_net2_d_init"
    with pytest.raises(CourseError, match=r"no module of that name in .*; fix the name, or generate the package"):
        build.name_check_file(toy.manifest, "Q7", "nothing.here")


def test_function_chooses_the_checks(toy, command):
    assert "0 of 12 checks passed" in command("check", "--function", "shapes.area")[1]
    assert command("check", "--function", "shapes.circle")[2] == (
        "cannot run: there is no function 'shapes.circle'; did you mean shapes.area? check --list lists them all\n"
    )
    assert "no check matches this choice" in command("check", "-q", "Q2", "--function", "shapes.area")[2]


def test_a_stub_is_told_in_one_sentence(in_notebooks):
    found = Checks().check("q1_area")
    place = "shapes.area in place of its raise (student/shapes.py, line 10)"
    assert repr(found) == f"q1_area: not attempted; write {place}, save the file, then run this cell again"
    assert (found.passed_all, found.score, found.possible) == (False, 0, 1)


def test_a_right_function_passes(in_notebooks):
    in_notebooks.write("student/shapes.py", RIGHT)
    found = Checks().check("q1_area")
    assert repr(found) == "q1_area: all 10 checks passed (1 of 1 points)"
    assert 'class="check passed"' in found._repr_html_()
    assert (found.passed_all, found.score) == (True, 1)


def test_a_wrong_function_is_told_the_engines_sentences(in_notebooks):
    in_notebooks.write("student/shapes.py", RIGHT.replace("width * height", "np.where(width > 0.5, 1, height) * width"))
    text, page = repr(Checks().check("q1_area")), Checks().check("q1_area")._repr_html_()
    assert re.match(
        r"q1_area: \d of 10 checks passed \(0\.\d of 1 points\)\n  failed: area multiplies the sides of", text
    )
    assert re.search(r"      area: relative error \d.\de.\d\d \(allowed 1e-12\), worst at .*: got .*, seed 7", text)
    assert "Traceback" not in text + page and text.count("failed: ") <= 6
    assert "python -m grader check -q Q1 shows them all" in text
    assert "  failed: area multiplies" in page and 'class="check not-passed"' in page


def test_html_shows_a_students_words_and_obeys_none(in_notebooks):
    in_notebooks.write(
        "student/shapes.py", "def area(width, height):\n    raise ValueError('<script>alert(1)</script>')\n"
    )
    page = Checks().check("q1_area")._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_a_hang_is_told_and_ends(in_notebooks):
    in_notebooks.replace("assignment.toml", "call_seconds = 2", "call_seconds = 0.5")
    in_notebooks.write("student/shapes.py", "def area(width, height):\n    while True:\n        pass\n")
    text = repr(Checks().check("q1_area"))
    assert "q1_area: 0 of 10 checks passed" in text and "timeout: 10 checks say the same: Q1.area.1, " in text


def test_a_run_without_end_is_ended(in_notebooks):
    with pytest.raises(AssertionError) as ended:
        judge("q1_area", "Q1", "shapes.area", seconds=0.05)
    assert str(ended.value) == (
        "q1_area: cannot be checked: the checks were ended after 0.05 s; "
        "run python -m grader check -q Q1 in a terminal to see which one takes so long"
    )


def test_cells_share_a_process_that_sees_what_was_saved(in_notebooks):
    assert "not attempted" in repr(Checks().check("q1_area"))
    first = CheckProcess.kept
    in_notebooks.write("student/shapes.py", RIGHT)
    assert Checks().check("q1_area").passed_all
    in_notebooks.replace("checks/public/test_q1_rectangles.py", "area multiplies the sides of", "area measures")
    in_notebooks.write("student/shapes.py", RIGHT.replace("width * height", "width"))
    assert "failed: area measures" in repr(Checks().check("q1_area"))
    assert CheckProcess.kept is first and first.root == in_notebooks.root


def test_what_the_kernel_holds_does_not_matter(in_notebooks, monkeypatch):
    in_notebooks.write("student/shapes.py", RIGHT)
    monkeypatch.setattr(np, "multiply", None)
    monkeypatch.setitem(sys.modules, "student", None)
    monkeypatch.setattr(subprocess, "run", None)
    assert Checks().check("q1_area").passed_all


def test_a_process_that_has_ended_is_followed_by_another(in_notebooks):
    Checks().check("q1_area")
    CheckProcess.kept.process.kill()
    CheckProcess.kept.process.wait()
    assert "not attempted" in repr(Checks().check("q1_area"))


def test_an_interrupted_cell_leaves_no_reply_to_the_next(in_notebooks):
    Checks().check("q1_area")
    held = CheckProcess.kept.process
    in_notebooks.write("student/shapes.py", "while True:\n    pass\n")
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        judge("q1_area", "Q1", "shapes.area")
    assert held.poll() is not None
    in_notebooks.write("student/shapes.py", RIGHT)
    assert Checks().check("q1_area").passed_all


def test_an_interrupt_of_another_cell_reaches_no_process(in_notebooks):
    Checks().check("q1_area")
    assert os.getsid(CheckProcess.kept.process.pid) != os.getsid(0)


@pytest.mark.parametrize("end", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_the_process_ends_with_its_kernel(in_notebooks, end):
    code = "from grader.otter_adapter import Checks; from grader.notebooks.checkfiles import CheckProcess\n"
    code += "import time; Checks().check('q1_area'); print(CheckProcess.kept.process.pid, flush=True); time.sleep(600)"
    kernel = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    beside = psutil.Process(int(kernel.stdout.readline()))
    started = [beside, *beside.children(recursive=True)]
    assert len(started) > 1
    kernel.send_signal(end)
    assert not psutil.wait_procs(started, timeout=60)[1]
    kernel.communicate()


def test_the_process_ends_where_no_cell_asks_for_long(in_notebooks):
    code = "from grader.notebooks import checkfiles; from grader.__main__ import run; import sys\n"
    code += "checkfiles.CHECK_PROCESS_SECONDS = 0.1; sys.argv[1:] = ['cells']; run()"
    beside = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=in_notebooks.root)
    assert beside.wait(timeout=60) == 0
    beside.stdin.close()


def test_checks_that_cannot_be_loaded_end_no_process(in_notebooks):
    in_notebooks.write("checks/public/test_q1_rectangles.py", "raise SystemError('a fault')\n")
    assert "cannot be checked" in repr(Checks().check("q1_area"))
    assert CheckProcess.kept.process.poll() is None


def test_a_record_of_another_version_is_one_sentence(in_notebooks, monkeypatch):
    older = '{"schema": 1, "checks": [{"id": "a", "function": "shapes.area"}]}'
    monkeypatch.setattr(CheckProcess, "_exchange", lambda *request: {"record": older})
    assert repr(Checks().check("q1_area")) == (
        "q1_area: cannot be checked: this record has schema 1, and this version reads schema 2; "
        "write it again with check --json"
    )


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("q1_aera", "q1_aera: cannot be checked: there is no check of that name; perhaps q1_area"),
        ("../q1_area", "cannot be checked: there is no check of that name; perhaps q1_area"),
        (
            "x",
            "x: cannot be checked: there is no check of that name; the names are those of the files in notebooks/tests",
        ),
    ],
)
def test_a_wrong_name_is_one_sentence(in_notebooks, name, sentence):
    found = Checks().check(name)
    assert sentence in repr(found) and "\n" not in repr(found) and not found.passed_all
    assert "cannot be checked" in found._repr_html_()


def test_what_cannot_run_is_one_sentence(in_notebooks):
    in_notebooks.replace("assignment.toml", "points = 8", "points = 9")
    assert repr(Checks().check("q1_area")).endswith(
        "points: the questions add up to 8, not 9 (Q1 3, Q2 5); fix one of them"
    )
    in_notebooks.replace("assignment.toml", "points = 9", "points = 8")
    (in_notebooks.root / "student").rename(in_notebooks.root / "elsewhere")
    assert "student is not a folder; give the package's folder with --student" in repr(Checks().check("q1_area"))


@pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/tests"])
def test_checks_work_from_every_folder_and_leave_no_litter(made, monkeypatch, folder):
    before = {file for file in made.root.rglob("*") if "__pycache__" not in file.parts}
    monkeypatch.chdir(made.root / folder)
    checks = Checks()
    assert "not attempted" in repr(checks.check("q1_area"))
    assert {file for file in made.root.rglob("*") if "__pycache__" not in file.parts} == before


def test_check_all_gives_otters_results(in_notebooks):
    results = Checks().check_all()
    assert results.total == 0 and results.possible == 5
    assert "q2_moments: not attempted" in results.summary()


def test_a_check_file_written_by_hand_judges_the_kernels_globals(in_notebooks):
    text = "OK_FORMAT = False\nname = 'mine'\nfrom otter.test_files import test_case\n\n"
    text += "@test_case(name='half')\ndef half(env, value):\n    assert value == env['value'] == 1\n\n"
    in_notebooks.write("notebooks/tests/mine.py", text + "@test_case(name='other')\ndef other():\n    pass\n")
    kernel = {"value": 1, "checks": Checks()}
    exec("found = checks.check('mine')\nvalue = 2\nlater = checks.check('mine')", kernel)
    assert kernel["found"].passed_all and not kernel["later"].passed_all
    assert not (in_notebooks.root / "notebooks/.OTTER_LOG").exists()


def test_a_plain_otter_notebook_shows_our_sentence(in_notebooks):
    plain = otter.Notebook(tests_dir="tests")
    wrong = plain.check("q1_area")
    assert not wrong.passed_all
    assert "q1_area: not attempted; write shapes.area in place of its raise (student/shapes.py, line 10)" in repr(wrong)
    assert "q1_area: not attempted; write shapes.area" in wrong._repr_html_()
    in_notebooks.write("student/shapes.py", RIGHT)
    assert plain.check("q1_area").passed_all


def test_a_missing_engine_is_one_sentence(in_notebooks, tmp_path):
    """Otter alone, where the engine cannot be imported."""
    code = (
        "import sys; sys.modules['grader'] = None; import otter\n"
        "print(otter.Notebook(tests_dir='tests').check('q1_area'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert "run the notebook's first code cells again" in done.stdout, done


# --- running ---------------------------------------------------------------------------------------------------------


def run(toy, package: str, students: bool = False, **parameters):
    make = build.make_students_notebook if students else build.make_instructors_notebook
    with copy_course(toy.manifest, toy.root / package, [toy.root / "solution/datasets"]) as root:
        return execute("Rectangles", make(toy.manifest, "Rectangles"), root, root / "notebooks", Settings(parameters))


def test_the_reference_runs_the_instructors_notebook(made):
    done = run(made, "solution", quick=True)
    assert done.error == "" and done.failed_checks() == []
    nbformat.validate(done.notebook)
    outputs = json.dumps(done.notebook)
    assert "small [0. 1. 4.]" in outputs and "q1_area: all 10 checks passed" in outputs
    assert 0.5 < done.seconds < 60 and 30 < done.memory_mb < 3000
    assert (made.root / "solution/datasets").is_dir()


def test_stubs_fail_at_the_first_exercise(made):
    done = run(made, "student", students=True)
    assert done.error == ("Rectangles, cell 5 (from student.shapes import area): NotImplementedError: shapes.area")
    assert (done.kind, done.cell) == ("NotImplementedError", 4)


def test_a_right_package_fails_at_the_first_exercise_of_the_notebook(made):
    done = run(made, "solution", students=True)
    assert done.kind == "NotImplementedError"
    assert done.error.endswith("Rectangles: Widths: set widths to the widths of three rectangles")


def shown(done) -> list[str]:
    outputs = [output for cell in done.notebook.cells for output in cell.get("outputs", [])]
    return [output.get("data", {}).get("text/plain", "") + output.get("text", "") for output in outputs]


def test_failed_checks_and_proofs_are_noticed(made):
    made.replace("solution/shapes.py", "width * height", "width + height")
    made.write("right/shapes.py", RIGHT)
    done = run(made, "right")
    assert done.error == ""
    assert [text.partition(":")[0] for text in done.failed_checks()] == ["q1_area"], shown(done)
    made.replace(SOURCE, "* scale == 6", "* scale == 7")
    done = run(made, "right")
    assert done.kind == "AssertionError" and done.error.endswith("AssertionError: the largest area is not 6")


@pytest.mark.parametrize(
    "code, kind, sentence",
    [
        ("import time; time.sleep(60)", "TimeoutError", "no end after 2 s"),
        ("import os; os._exit(1)", "DeadKernelError", "the kernel died; perhaps it ran out of memory"),
    ],
)
def test_a_cell_without_end_and_a_dead_kernel(toy, code, kind, sentence):
    content = v4.new_notebook(cells=[v4.new_code_cell(code)])
    done = execute("Bad", content, toy.root, toy.root, Settings(cell_seconds=2))
    assert (done.kind, done.error) == (kind, f"Bad, cell 1 ({code}): {sentence}")
    assert not kernels_in(toy.root)


def test_parameters_go_below_the_tagged_cell_or_on_top():
    cell = v4.new_code_cell("quick = False", metadata={"tags": ["parameters"]})
    other, further = v4.new_code_cell("print(quick)"), v4.new_code_cell("print(quick + 1)")
    made = override(v4.new_notebook(cells=[other, cell, further]), {"quick": True})
    assert [c.source for c in made.cells] == ["print(quick)", "quick = False", "quick = True", "print(quick + 1)"]
    assert override(v4.new_notebook(cells=[other]), {"quick": True}).cells[0].source == "quick = True"
    assert override(v4.new_notebook(cells=[cell]), {}).cells == [cell]


@pytest.mark.skipif(os.name != "posix", reason="only these systems have sockets in folders")
def test_a_folder_too_deep_for_sockets_takes_ports(tmp_path):
    manager = _configure(Path("/short"), "Rectangles").KernelManager
    assert (manager.transport, manager.connection_file[:7]) == ("ipc", "/short/")
    assert _configure(tmp_path / ("deep" * 25), "Rectangles").KernelManager.transport == "tcp"


def kernels_in(folder: Path) -> list[psutil.Process]:
    """The kernels whose connection file lies in the folder."""
    commands = {process: " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])}
    return [process for process, command in commands.items() if re.search(f"{folder}.*\\.json", command)]


@pytest.mark.parametrize("end", [signal.SIGTERM, *(pytest.param(end, marks=pytest.mark.slow) for end in OTHER_ENDS)])
def test_kernels_and_copies_end_with_their_runner(made, tmp_path, end):
    made.replace(SOURCE, "areas = area", "import time; time.sleep(600); areas = area")
    code = (
        "import sys; from pathlib import Path; from tests.harness import notebook_runs\n"
        f"notebook_runs.ROOT = Path({str(made.root)!r}); sys.argv[1:] = ['Rectangles']; sys.exit(notebook_runs.main())"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 600
        while not kernels_in(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        assert kernels_in(tmp_path) and list(tmp_path.glob("chainrule-notebooks-*"))
        runner.send_signal(end)
        runner.wait(timeout=600)
        while kernels_in(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not kernels_in(tmp_path)
        assert end == signal.SIGKILL or not list(tmp_path.glob("chainrule-notebooks-*"))
    finally:
        runner.kill()
