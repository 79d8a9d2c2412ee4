"""Preflight names everything a grader would miss, says what to do about it, and is silent where nothing is missing."""

import json
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from grader.course.imports import find_judged, read_imports
from grader.errors import PdfError
from grader.files import list_lines, pack_zip
from grader.notebooks import build
from grader.pdf.convert import PdfRequest, make
from grader.pdf.notebook import read
from grader.submit import notebooks, preflight, report
from grader.submit.notebooks import BASELINES, encode_baselines, record_baseline
from grader.submit.report import join_names
from tests.harness.student_work import PASSED, cell, empty, finished, save, tagged

REAL = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
RIGHT = "import numpy as np\n\ndef area(w, h):\n    return w * h\n\ndef moments(x):\n    return x.mean(0), x.var(0)\n"


@pytest.fixture
def done(toy):
    """The toy course with everything written, run and answered, and what its notebook held at first."""
    toy.write("student/shapes.py", RIGHT)
    toy.write("names.txt", "Ann\n")
    save(toy, build.make_students_notebook(toy.manifest, "Rectangles"))
    held = record_baseline(read(toy.root / "notebooks/Rectangles.ipynb").cells)
    toy.write(f"notebooks/{BASELINES}", encode_baselines({"Rectangles": held}).decode())
    save(toy, finished(toy))
    return toy


def told(course) -> list[str]:
    """Level, file and message of each finding."""
    return [f"{found.level} {found.file}: {found.message}" for found in preflight.examine_course(course.manifest)]


def change(course, function) -> list[str]:
    """Has a function change the finished notebook, and returns the findings."""
    notebook = finished(course)
    function(notebook)
    save(course, notebook)
    return told(course)


def test_nothing_is_missing(done):
    assert told(done) == []
    assert report.summarize([]) == "Preflight: nothing is missing."


@pytest.mark.parametrize("names, said", [(None, "is missing"), (" \n", "has no name in it")])
def test_missing_names_are_a_warning(done, names, said):
    (done.root / "names.txt").unlink() if names is None else done.write("names.txt", names)
    remedy = "so the PDF's first page has no name; write yours into it, one a line"
    assert told(done) == [f"warning names.txt: {said}, {remedy}"]
    assert preflight.examine_course(done.manifest, ["Ann"]) == []


def test_a_missing_file_that_a_notebook_makes_names_the_cell(done):
    done.replace("assignment.toml", 'required = ["shapes.py"]', 'required = ["shapes.py", "widths.npy", "other.npy"]')
    for name in ("widths.npy", "other.npy"):
        done.write(f"solution/{name}", "")

    def save_widths(notebook):
        cell(notebook, "scale = 1.0")["source"] += '\nnp.save("../student/widths.npy", widths)'

    assert change(done, save_widths) == [
        "error student/other.npy: is missing; put it back, what needs it gets no points",
        "error student/widths.npy: is missing; run cell 8 (scale = 1.0) of Rectangles.ipynb, which makes it; "
        "what needs it gets no points",
    ]


def test_a_notebook_that_was_not_run(done):
    def forget(notebook):
        for code in notebook["cells"]:
            code |= empty() if code["cell_type"] == "code" else {}

    (first,) = [line for line in change(done, forget) if "not run" in line]
    assert first.startswith("error Rectangles.ipynb: was not run: none of its 5 code cells has a result; run the whole")


def test_some_cells_that_were_not_run(done):
    lines = change(done, lambda notebook: cell(notebook, "largest(").update(empty()))
    assert lines == [
        "error Rectangles.ipynb: 1 of 5 code cells not run: cell 7 (heights = np.ones(3)); run them and save it"
    ]


def test_results_without_counts_are_a_warning(done):
    """Tools that clean notebooks for git strip the counts, and a cell that only assigns shows nothing then"""

    def strip(notebook):
        for code in notebook["cells"]:
            code |= {"execution_count": None} if code["cell_type"] == "code" else {}
        cell(notebook, "largest(")["outputs"] = []

    (line,) = change(done, strip)
    assert line.startswith(
        "warning Rectangles.ipynb: has results but no execution counts, which show that each cell was run; run the"
    )


@pytest.mark.parametrize("source", ["", "  \n", "# a note to myself\n# and another"])
def test_empty_cells_need_not_be_run(done, source):
    added = {"cell_type": "code", "metadata": {}, "source": source} | empty()
    assert change(done, lambda notebook: notebook["cells"].append(added)) == []


@pytest.mark.parametrize("metadata, source", [({"tags": ["pdf-ignore"]}, "x = 1"), ({}, "import google.colab")])
def test_colabs_cell_does_not_count(done, metadata, source):
    added = {"cell_type": "code", "metadata": metadata, "source": source} | empty()
    assert change(done, lambda notebook: notebook["cells"].insert(0, added)) == []


def test_errors_in_outputs(done):
    raised = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
    lines = change(done, lambda notebook: cell(notebook, "print(").update(outputs=[raised]))
    assert lines == [
        "error Rectangles.ipynb: cell 5 (from student.shapes import area) ended with ValueError; "
        "fix it, run it again and save"
    ]


def test_counts_out_of_order_and_twice_are_warnings(done):
    lines = change(done, lambda notebook: cell(notebook, "print(").update(execution_count=9))
    late = "before the one above, or in another run"
    assert [line.partition(";")[0] for line in lines] == [f"warning Rectangles.ipynb: not run in order: cell 6 {late}"]
    lines = change(done, lambda notebook: cell(notebook, "print(").update(execution_count=1))
    assert [line.partition(";")[0] for line in lines] == [f"warning Rectangles.ipynb: not run in order: cell 5 {late}"]


def test_an_exercise_in_the_notebook_that_is_not_written(done):
    stub = 'raise NotImplementedError("Rectangles: Widths: set widths")'
    (line,) = change(done, lambda notebook: cell(notebook, "largest(").update(source=stub))
    assert line == "error Rectangles.ipynb: not written: Widths: set widths (cell 7); write it there"


# --- inline questions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["*Your answer:*", "", "  ", "**Your answer:**\n\n", "<!-- think -->"])
def test_unanswered(done, text):
    (line,) = change(done, lambda notebook: tagged(notebook, "inline-answer", 1).update(source=text))
    assert line.startswith("error Rectangles.ipynb: no answer to Inline question 2 (cell 11); write it into the cell")


def test_an_answer_in_a_cell_of_its_own_counts(done):
    def move(notebook):
        tagged(notebook, "inline-answer", 0)["source"] = "*Your answer:*"
        own = {"cell_type": "markdown", "metadata": {}, "source": "Rows of unit squares."}
        notebook["cells"].insert(notebook["cells"].index(tagged(notebook, "inline-answer", 0)) + 1, own)

    assert change(done, move) == []


def test_a_pasted_picture_is_an_answer(done):
    picture = {"source": "*Your answer:*", "attachments": {"a.png": {"image/png": ""}}}
    assert change(done, lambda notebook: tagged(notebook, "inline-answer", 0).update(picture)) == []


def test_a_question_that_is_gone(done):
    (line,) = change(done, lambda notebook: notebook["cells"].remove(tagged(notebook, "inline-question", 0)))
    assert line.startswith("error Rectangles.ipynb: the cell of Inline question 1 is gone; get that cell from a fresh")


def test_questions_are_known_by_their_heading_where_tags_were_lost(done):
    def lose(notebook):
        for node in notebook["cells"]:
            node["metadata"] = {}

    assert change(done, lose) == []


def test_without_the_record_of_what_was_given_nothing_is_missed(done):
    (done.root / "notebooks" / BASELINES).unlink()
    assert change(done, lambda notebook: notebook["cells"].remove(tagged(notebook, "inline-question", 0))) == []
    (done.root / "notebooks" / BASELINES).write_text("{]")
    assert told(done) == []


def test_a_notebook_of_another_edition_gets_one_error(done):
    def replace(notebook):
        notebook["cells"] = [
            {"cell_type": "markdown", "metadata": {}, "source": f"### Other question {n}"} for n in range(9)
        ] + [{"cell_type": "code", "metadata": {}, "source": f"x = {n}"} | empty() for n in range(9)]

    assert change(done, replace) == [
        "error notebooks: Rectangles: of another edition than this folder; copy your work into fresh copies"
    ]


def test_questions_that_are_gone_are_named_in_the_notebooks_order(done):
    baselines = json.loads((done.root / "notebooks" / BASELINES).read_text())
    baselines["Rectangles"]["questions"] |= {"a": "## Question 10", "b": "## Question 9", "c": "## Extra"}
    done.write(f"notebooks/{BASELINES}", json.dumps(baselines))
    (line,) = told(done)
    assert "the cell of Question 10, Question 9 and Extra is gone" in line


# --- checks, figures, parameters ------------------------------------------------------------------------------------


def test_checks_that_fail_show_nothing_or_are_gone(done):
    def show(shown: str):
        output = {"output_type": "execute_result", "data": {"text/html": shown}, "metadata": {}}
        return lambda notebook: cell(notebook, "grader.check").update(outputs=[output])

    failing = change(done, show(PASSED.replace("check passed", "check not-passed")))
    assert failing == ["warning Rectangles.ipynb: checks that do not pass: q1_area; fix it and run the cell again"]
    silent = change(done, lambda notebook: cell(notebook, "grader.check").update(outputs=[]))
    assert silent == ["warning Rectangles.ipynb: checks that show no result: q1_area; run the cell again"]
    gone = change(done, lambda notebook: notebook["cells"].remove(cell(notebook, "grader.check")))
    assert gone == ["warning Rectangles.ipynb: checks whose cell is gone: q1_area"]


def test_figures(done):
    contents = json.loads((done.root / "notebooks" / BASELINES).read_text())
    contents["Rectangles"]["figures"] = 2
    (done.root / "notebooks" / BASELINES).write_text(json.dumps(contents))

    def draw(*kinds):
        data = {"output_type": "display_data", "data": dict.fromkeys(kinds, ""), "metadata": {}}
        return lambda notebook: cell(notebook, "print(").update(outputs=[data], metadata={"tags": ["figure"]})

    gone = "warning Rectangles.ipynb: 1 of 2 cells that draw are gone"
    assert change(done, draw("image/png", "text/plain")) == [gone]
    lines = change(done, draw("text/plain"))
    assert lines == [
        "warning Rectangles.ipynb: no figure below cell 5 (from student.shapes import area); "
        "run that cell again and save",
        gone,
    ]


def test_other_parameters(done):
    (line,) = change(done, lambda notebook: cell(notebook, "quick =").update(source="quick = True"))
    assert line == (
        "warning Rectangles.ipynb: cell 2 (quick = True): the parameters were changed; "
        "hand in a run with the given ones"
    )


# --- notebooks that cannot be read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, sentence",
    [
        (
            b'{"cells": [',
            "this notebook is not valid JSON (line 1: Expecting value); it may have been cut off; restore",
        ),
        (b"", "this notebook is empty; restore it from a copy or get it anew"),
        (
            b"<<<<<<< HEAD\n{}\n=======\n>>>>>>> b\n",
            "this notebook holds marks of an unresolved merge conflict (lines 1",
        ),
        (b"[1]", "this file is not a notebook: its JSON is not an object; restore it"),
        (b'{"cells": 3}', "this file is not a notebook: it has no list of cells; restore it"),
        (b'{"cells": []}', "this notebook has no cells; restore it"),
    ],
)
def test_broken_notebooks_get_one_error(done, content, sentence):
    (done.root / "notebooks/Rectangles.ipynb").write_bytes(content)
    (line,) = told(done)
    assert line.startswith(f"error Rectangles.ipynb: {sentence}")


@pytest.mark.parametrize(
    "strange",
    [
        {"cell_type": "code"},
        {"cell_type": "code", "source": None, "outputs": [None, 3, {"data": 4}, {"data": {"text/html": 5}}]},
        {"cell_type": "code", "source": "x", "execution_count": "7", "metadata": {"tags": "figure"}, "outputs": [{}]},
        {"cell_type": "markdown", "source": ["a", 3], "metadata": None, "attachments": 3},
        7,
    ],
)
def test_strange_cells_are_no_stumbling_block(done, strange):
    assert all(
        line.startswith(("error Rect", "warning Rect")) for line in change(done, lambda n: n["cells"].append(strange))
    )


def test_missing_notebook(done):
    (done.root / "notebooks/Rectangles.ipynb").unlink()
    assert told(done) == ["error Rectangles.ipynb: is missing; put it back into notebooks/"]


def test_notebooks_left_out_are_not_looked_at(done):
    (done.root / "notebooks/Rectangles.ipynb").unlink()
    done.replace("assignment.toml", "[limits]", '[submit]\nleft_out = ["Rectangles"]\n[limits]')
    assert told(done) == []


# --- modules --------------------------------------------------------------------------------------------------------


def test_stubs(toy):
    found = [line for line in told(toy) if "student/" in line]
    assert found == [
        "error student/shapes.py: not written: area (line 10) and moments (line 16); write what is missing"
    ]


def imported(course, zygotes) -> list[str]:
    """Level, file and message of each finding of importing the package as it is, packed as `submit` packs it."""
    file = course.root / "a.zip"
    file.write_bytes(pack_zip({"student/shapes.py": (course.root / "student/shapes.py").read_bytes()}))
    found = preflight.import_modules(course.manifest, file, zygotes)
    return [f"{finding.level} {finding.file}: {finding.message}" for finding in found]


def test_missing_modules(done):
    (done.root / "student/shapes.py").unlink()
    assert told(done) == ["error student/shapes.py: is missing; put it back, what needs it gets no points"]


GONE = "is not there when Q1 is graded"
USE = "use the standard library and numpy"
NO_COST = "nothing that runs uses it, so it costs nothing, but it can be removed"
STRAY = {  # what is warned of, and whether the module can be imported in grading
    "import scipy.stats": (f"line 1 (import scipy.stats): scipy {GONE}; {NO_COST}", True),
    "from numpy import float_": ("", True),
    "import numpyy": (f"line 1 (import numpyy): numpyy {GONE}; {NO_COST}", True),
    "import scipy\n\ndef plot():\n    scipy.f()\n    scipy.g()": (
        f"line 1 (import scipy): scipy {GONE}, so its use in line 4 and line 5 raises ImportError; {USE}",
        True,
    ),
    "import scipy\n\ndef plot(x=scipy.pi): pass": (
        f"line 1 (import scipy): scipy {GONE}, so its use in line 3 raises ImportError; {USE}",
        False,
    ),
    "import scipy as np\nimport numpy as np\nx = np.pi": (
        f"line 1 (import scipy as np): scipy {GONE}; {NO_COST}",
        True,
    ),
    "import scipy.stats\nimport scipy.fft\ndef f(): return scipy.fft": (
        f"line 1 (import scipy.stats): scipy {GONE}, so its use in line 3 raises ImportError; {USE}",
        True,
    ),
    "from __future__ import annotations\nimport scipy\n\ndef plot(x: scipy.A) -> scipy.A: pass": (
        f"line 2 (import scipy): scipy {GONE}; {NO_COST}",
        True,
    ),
    "import scipy\n\ndef plot():\n    x: scipy.A = 1": (f"line 1 (import scipy): scipy {GONE}; {NO_COST}", True),
    "import scipy\n\ndef plot() -> scipy.A: pass": (
        f"line 1 (import scipy): scipy {GONE}, so its use in line 3 raises ImportError; {USE}",
        False,
    ),
    "import numpyy as n\n\ndef plot(): n.f()": ("", False),
    "import numpyy as n\nimport math as n\n\ndef plot(): n.f()": ("", False),
    "from scipy import *": ("", False),
    "if True:\n    import scipy": ("", False),
}


@pytest.mark.parametrize("lines", STRAY)
def test_preflight_says_of_an_import_what_grading_makes_of_it(done, zygotes, lines):
    done.write("student/shapes.py", f"{lines}\n{RIGHT}")
    warned, works = STRAY[lines]
    assert told(done)[:1] == ([f"warning student/shapes.py: {warned}"] if warned else [])
    assert (imported(done, zygotes) == []) == works


@pytest.mark.parametrize(
    "place, forbidden",
    [
        (RIGHT.replace("return w * h", "import scipy; return w * h"), True),
        (RIGHT + "\ndef plot():\n    import matplotlib.pyplot\n", False),
        ("try:\n    import numba\nexcept ImportError:\n    numba = None\n" + RIGHT, False),
        (RIGHT + "\nif __name__ == '__main__':\n    import matplotlib.pyplot\n", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n" + RIGHT, False),
        ("import math, os.path\nfrom student import helper\nfrom .helper import f\n" + RIGHT, False),
    ],
)
def test_libraries_that_will_not_be_there(done, place, forbidden):
    done.write("student/helper.py", "def f():\n    pass\n")
    done.write("student/shapes.py", place)
    assert told(done) == [f"error student/shapes.py: line 4: scipy {GONE}; {USE}"] * forbidden


def test_libraries_that_a_helper_brings_along(done):
    done.write("student/helper.py", "import pandas\n")
    done.write("student/shapes.py", "from .helper import *\n" + RIGHT)
    assert told(done) == [f"warning student/helper.py: line 1 (import pandas): pandas {GONE}; {NO_COST}"]


ENCODINGS = {
    "UTF-16": (
        RIGHT.encode("utf-16"),
        "shapes.py: this is UTF-16, which Python does not read. Save the file as UTF-8.",
    ),
    "Windows": (
        ("'größe'\n" + RIGHT).encode("cp1252"),
        "shapes.py, line 1: this is not UTF-8: byte 0xf6, in Windows-1252 the letter ö. Save the file as UTF-8.",
    ),
    "a null byte": (
        RIGHT.encode() + b"\0",
        "shapes.py, line 8: here is a null byte. Remove it, or take the file from a backup.",
    ),
    "a merge conflict": (
        f"# coding: utf-8\n<<<<<<< HEAD\n{RIGHT}=======\n>>>>>>> main\n".encode(),
        "shapes.py, line 2: here are marks of a merge conflict. Keep the version that you want, and remove the other "
        "one and the lines that begin with <<<<<<<, ======= and >>>>>>>.",
    ),
}


@pytest.mark.parametrize("source, sentence", ENCODINGS.values(), ids=ENCODINGS)
def test_preflight_names_what_python_cannot_read_as_grading_does(done, zygotes, source, sentence):
    (done.root / "student/shapes.py").write_bytes(source)
    assert told(done) == []
    assert imported(done, zygotes) == [f"error student/shapes.py: cannot be imported: {sentence}"]


def test_package_in_capitals_is_named(done):
    (done.root / "student").rename(done.root / "Student")
    assert "error student: is missing, but Student is there; a copy is not read, give it the name student" in told(done)


def test_size(done):
    done.replace("assignment.toml", "[limits]", "[submit]\nlarge_megabytes = 1\n[limits]")
    for megabytes, start in (
        (1, "warning student/shapes.py: was not looked through, since it is larger than 256 kB; keep data"),
        (2, "warning student/shapes.py: has 2.0 MB"),
    ):
        done.write("student/shapes.py", RIGHT + "#" * (megabytes * 1024 * 1024 - len(RIGHT)))
        assert all(line.startswith(start) for line in told(done))
        assert len(told(done)) == 1


# --- which files belong ---------------------------------------------------------------------------------------------


def test_modules_that_are_imported_belong_to_the_submission(done):
    done.write("student/shapes.py", "from .deep.more import f\n" + RIGHT)
    done.write("student/deep/__init__.py", "")
    done.write("student/deep/more.py", "from ..given import *\nfrom mywork import other\n")
    for name in ("given", "other", "alone", "data/set"):
        done.write(f"student/{name}.py", "")
    files = [file.as_posix() for file in preflight.collect_files(done.manifest)]
    assert files == ["__init__.py", "deep/__init__.py", "deep/more.py", "given.py", "other.py", "shapes.py"]


def test_what_notebooks_import_belongs_too(done):
    done.write("student/plots.py", "")
    change(
        done, lambda notebook: cell(notebook, "print(").update(source="%time 3\nfrom student.plots import x\n!ls\nif")
    )
    assert Path("plots.py") in preflight.collect_files(done.manifest)


def test_imports_of_a_file_that_is_no_python():
    text = "from ..layers import *\nimport numpy as np, scipy\nfrom student.optim import adam as a, sgd\ndef f(:\n"
    assert {(item.name, item.level) for item in read_imports(text.encode())} == {
        ("layers", 2),
        ("numpy", 0),
        ("scipy", 0),
        ("student.optim", 0),
        ("student.optim.adam", 0),
        ("student.optim.sgd", 0),
    }


def test_every_module_of_the_assignment_is_found():
    judged = find_judged(REAL, REAL.path("student"))
    assert {name for name in REAL.submission.required if name.endswith(".py")} >= set(judged)
    for questions in judged.values():
        assert questions


def test_given_package_imports_nothing_that_is_not_there():
    found = preflight.examine_package(REAL)
    assert [item for item in found if "is not there when" in item.message] == []


# --- the command ----------------------------------------------------------------------------------------------------


def test_command(done, command):
    assert command("preflight") == (0, "Preflight: nothing is missing.\n", "")
    (done.root / "notebooks/Rectangles.ipynb").unlink()
    done.write("student/shapes.py", RIGHT + "def f(:\n")
    status, out, err = command("preflight")
    assert (status, err) == (1, "")
    assert out.splitlines()[-1] == "Preflight: 2 errors."
    assert "Traceback" not in out


def test_names_in_a_sentence():
    assert [join_names(list("abcdef")[:n], 4) for n in (0, 1, 2, 3, 5, 6)] == [
        "", "a", "a and b", "a, b and c", "a, b, c, d and 1 more", "a, b, c, d and 2 more",
    ]  # fmt: skip


def test_lines_of_many_end_with_how_many_more():
    assert [list_lines(list("abc")[:n], 2) for n in (0, 2, 3)] == [[], ["a", "b"], ["a", "b", "and 1 more"]]


def test_notebooks_module_takes_any_path(tmp_path):
    (found,) = notebooks.examine_notebook(tmp_path / "None.ipynb", notebooks.Baseline())
    assert found.message == "cannot be read (No such file or directory); restore it"


def test_stub_line_left_below_a_solution_is_no_stub(done):
    done.write("student/shapes.py", RIGHT + '    raise NotImplementedError("shapes.moments")\n')
    assert told(done) == []


def test_notebooks_checkpoints_are_never_looked_at(done):
    stub = 'def moments(x):\n    raise NotImplementedError("shapes.moments")\n'
    done.write("student/.ipynb_checkpoints/shapes-checkpoint.py", stub)
    assert told(done) == []
    assert done.grade().notes == []


def test_copies_of_what_is_missing_are_named(done):
    (done.root / "student/shapes.py").rename(done.root / "student/shapes (1).py")
    (done.root / "notebooks/Rectangles.ipynb").rename(done.root / "notebooks/Rectangles (1).ipynb")
    assert told(done) == [
        "error student/shapes.py: is missing, but shapes (1).py is there; a copy is not read, give it the name "
        "shapes.py",
        "error Rectangles.ipynb: is missing, but Rectangles (1).ipynb is there; a copy is not read, give it the name "
        "Rectangles.ipynb",
    ]
    with pytest.raises(PdfError, match=r"Rectangles.ipynb is missing, but Rectangles \(1\).ipynb is there"):
        make(done.manifest, done.root / "out.pdf", [], PdfRequest([]))
