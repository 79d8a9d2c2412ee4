"""The PDF engine: the zoo of awkward cells and broken notebooks, formulas, lines, the command."""

import datetime
import importlib.util
import io
import json
import re
import sys
from pathlib import Path

import pypdf
import pypdfium2
import pytest

from grader.course.schema import Pdf
from grader.errors import CourseError, ProgramMissing
from grader.pdf import convert, formulas, images, lines, markup, outputs, typesetting, verify
from grader.pdf import notebook as notebooks
from grader.pdf.convert import Options, PdfRequest, Result
from grader.pdf.images import ImageProblem, Images
from grader.pdf.markup import Aside, Formula
from grader.pdf.tree import Writer

DATE = datetime.date(2026, 1, 31)
OPTIONS = Options(title="A course", names="Ada, Alan", date=DATE)


def _zoo():
    spec = importlib.util.spec_from_file_location("zoo", Path(__file__).with_name("notebooks") / "zoo.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["zoo"] = module
    spec.loader.exec_module(module)
    return module


zoo = _zoo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the zoo's notebooks and what lies beside them."""
    place = tmp_path_factory.mktemp("pdf")
    zoo.write(place)
    return place / "zoo"


@pytest.fixture(scope="module")
def awkward(folder) -> Result:
    """The PDF of all awkward cells."""
    return convert.convert([folder / "awkward.ipynb"], OPTIONS)


@pytest.fixture(scope="module")
def awkward_text(awkward) -> str:
    return _text(awkward.data)


@pytest.fixture(scope="module")
def broken(folder) -> Result:
    """The PDF of all broken notebooks."""
    return convert.convert([folder / f"{name}.ipynb" for name in zoo.BROKEN], OPTIONS)


def _text(data: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data))


def _squashed(text: str) -> str:
    return "".join(text.split())


def _write(folder: Path, *cells: dict, name: str = "one") -> Path:
    file = folder / f"{name}.ipynb"
    file.write_bytes(zoo.as_bytes(zoo.notebook(*cells)))
    return file


def _outline(data: bytes) -> list[str]:
    def flat(entries):
        for entry in entries:
            yield from flat(entry) if isinstance(entry, list) else [entry.title]

    return list(flat(pypdf.PdfReader(io.BytesIO(data)).outline))


def _places() -> dict[str, range]:
    """The numbers of each animal's cells in the zoo's notebook."""
    places, at = {}, 1
    for animal in zoo.ZOO:
        places[animal.name] = range(at, at + len(animal.cells))
        at += len(animal.cells)
    return places


def test_the_zoo_is_large():
    assert len(zoo.ZOO) + len(zoo.BROKEN) >= 60
    assert len({animal.name for animal in zoo.ZOO}) == len(zoo.ZOO)


def test_no_word_and_no_code_line_of_the_zoo_is_lost(awkward, broken):
    assert awkward.problems == []
    assert broken.problems == []


@pytest.mark.parametrize("animal", zoo.ZOO, ids=lambda animal: animal.name)
def test_an_awkward_cell_is_set_as_it_should(animal, awkward, awkward_text):
    text = _squashed(awkward_text)
    for word in animal.words:
        assert _squashed(word) in text
    for word in animal.absent:
        assert _squashed(word) not in text
    place = _places()[animal.name]
    notes = [str(mark) for mark in awkward.degradations if mark.cell in place]
    for expected in animal.marks:
        if expected == zoo.NONE:
            assert [note for note in notes if "no font has" not in note] == []
        else:
            assert any(expected in note for note in notes), notes


def test_a_broken_notebook_shows_a_notice_and_its_text(broken, folder):
    noted = {mark.notebook for mark in broken.degradations}
    assert set(zoo.UNREADABLE) <= noted
    text = _squashed(_text(broken.data))
    readable = [name for name in zoo.BROKEN if name not in (*zoo.UNREADABLE, "zero_cells")]
    assert text.count(_squashed("kept = 1")) >= len(readable)
    assert "404:Wordsthatsurvive" in text
    assert "oldoutput" in text and "oldtrace" in text
    assert '"theirs"' in text


def test_every_notebook_has_one_entry_in_the_outline(broken):
    tops = [entry for entry in pypdf.PdfReader(io.BytesIO(broken.data)).outline if not isinstance(entry, list)]
    assert len(tops) == len(zoo.BROKEN)


def test_the_same_notebooks_and_date_give_the_same_bytes(folder):
    sources = [folder / "utf16.ipynb", folder / "version_3.ipynb", folder / "conflict.ipynb"]
    first, second = (convert.convert(sources, OPTIONS) for _ in range(2))
    assert first.data == second.data
    other = convert.convert(sources, Options(title="A course", date=datetime.date(2026, 2, 1)))
    assert other.data != first.data


def test_copied_text_is_what_was_typed(tmp_path):
    code = "def f(x):\n    return x + " + " + ".join(f"value_{n}" for n in range(60)) + "\ns = '" + "ab" * 200 + "'"
    result = convert.convert([_write(tmp_path, zoo.code(code))], OPTIONS)
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(result.data)).pages)
    assert "\u200b" not in text
    for line in code.split("\n"):
        assert _squashed(line) in _squashed(text)
    assert "    return x" in text


def test_a_lost_word_and_a_lost_line_are_noticed(tmp_path):
    file = _write(tmp_path, zoo.text("one two two"), zoo.code("alpha = 1\nbeta = 2"))
    [chapter] = convert.build_chapters([notebooks.read(file)], OPTIONS, tmp_path)
    assert verify.find_missing(chapter, "one two two\nalpha = 1\nbeta = 2", set()) == []
    assert "'two'" in verify.find_missing(chapter, "one two\nalpha = 1\nbeta = 2", set())[0]
    assert "'beta=2'" in verify.find_missing(chapter, "one two two\nalpha = 1", set())[0]
    assert "'beta=2'" in verify.find_missing(chapter, "one two two\nbeta = 2\nalpha = 1", set())[0]


def test_lost_outputs_and_marks_are_noticed(tmp_path):
    cells = [
        zoo.text("one $x$"),
        zoo.code("a", zoo.stream("printed\nlast\n")),
        zoo.code("s = 'שלום'", zoo.stream("عد x")),
    ]
    [chapter] = convert.build_chapters([notebooks.read(_write(tmp_path, *cells))], OPTIONS, tmp_path)
    whole = "one\na\nprinted\nlast\n'םולש' = s\nx دع"
    assert verify.find_missing(chapter, whole, set()) == []
    assert "the line 'last'" in verify.find_missing(chapter, whole.replace("last", ""), set())[0]
    assert "the line \"s='שלום'\"" in verify.find_missing(chapter, whole.replace("ם", ""), set())[0]
    (tmp_path / "m").mkdir(exist_ok=True)
    rich = zoo.bundle({"text/html": "<table><tr><td>cellword</td></tr></table><script>hidden</script>"})
    [other] = convert.build_chapters([notebooks.read(_write(tmp_path, zoo.code("a", rich)))], OPTIONS, tmp_path / "m")
    assert verify.find_missing(other, "a cellword", set()) == []
    assert "'cellword' of an output" in verify.find_missing(other, "a", set())[0]
    assert "mark 'zqmath0zq'" in verify.find_missing(chapter, whole + " zqmath0zq", set())[0]
    assert "mark 'zqbare'" in verify.find_missing(chapter, whole + " zqbare", set())[0]


def test_text_outside_the_page_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "grader.pdf.chapter._write_formula", lambda formula: f'eval({lines.quote(formula.typst)}, mode: "markup")'
    )
    wide = "$$\\begin{pmatrix}" + "&".join(f"w_{{1,{n}}}" for n in range(60)) + "\\end{pmatrix}$$"
    result = convert.convert([_write(tmp_path, zoo.text(wide))], OPTIONS)
    assert result.problems == ["page 2: text runs off it"]


def test_what_is_no_loss_is_not_called_one(tmp_path):
    links = "See [paper][ioffe] and [two].\n\n[ioffe]: http://a.b/c\n[two]: http://d.e\n\n"
    printed = zoo.stream("损失 😀 שלום عربي ▁▂▃ ✓ 100%|████▌| ĝ\n")
    cells = [
        zoo.text(links + "3. three\n5. five\n9. nine\n\n- [x] done"),
        zoo.code("# תגובה\ns = 'שלום'  # עוד", printed),
    ]
    cells += [zoo.text("لأن أولاً ملاحظات الأخطاء الآن لا ฟังก์ชันสูญเสีย กำลัง हानि फलन"), zoo.code("# الأخطاء أولاً")]
    assert convert.convert([_write(tmp_path, *cells)], OPTIONS).problems == []


def test_questions_stand_in_the_outline_and_on_the_title_page(tmp_path):
    question = {"tags": ["inline-question"], "question": "why", "points": 3}
    cells = [
        zoo.text("# The title of it\nintro", metadata={"tags": ["pdf-title"]}),
        zoo.text("## Part\n### Inline question 1\nWhy?", metadata=question),
        zoo.text("*Your answer:* because", metadata={"tags": ["inline-answer"]}),
        zoo.text("more text"),
        zoo.text("### Inline question 2\nHow?", metadata=question),
        zoo.text("*Your answer:*", metadata={"tags": ["inline-answer"]}),
    ]
    file = _write(tmp_path, *cells)
    result = convert.convert([file], OPTIONS)
    assert _outline(result.data) == ["The title of it", "Part", "Inline question 1", "Inline question 2"]
    front = pypdf.PdfReader(io.BytesIO(result.data)).pages[0].extract_text()
    for words in ("A course", "Ada, Alan", "2026-01-31", "1 of 2 answered", "3 points, not answered"):
        assert words in front
    assert result.pages == 2
    spread = convert.convert([file], Options(title="A course", date=DATE, settings=Pdf(question_pages=True)))
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(spread.data)).pages]
    assert "because" in pages[2] and "more text" not in pages[2]
    assert "How?" in pages[4]


def test_a_question_in_a_code_cell_and_notebooks_of_one_name_confuse_nothing(tmp_path):
    tags = {"tags": ["inline-question"]}
    (tmp_path / "a").mkdir()
    cells = [zoo.code("1", metadata=tags), zoo.text("### Second\nWhy?", metadata=tags)]
    files = [_write(tmp_path, *cells), _write(tmp_path / "a", zoo.text("others"))]
    result = convert.convert(files, OPTIONS)
    front = pypdf.PdfReader(io.BytesIO(result.data)).pages[0].extract_text()
    assert "Second" in front and "Inline question 1" not in front
    assert result.problems == [] and "others" in _text(result.data)


def test_questions_without_tags_are_found_by_their_words(tmp_path):
    cells = [
        zoo.text("## Inline Question 1:\nWhy?\n\n$\\color{blue}{\\textit Your Answer:}$ Because of $x$."),
        zoo.text("**Inline question 2** How?\n\n## Answer:\n[FILL THIS IN]"),
        zoo.text("### Inline Question 3\nWhere?"),
        zoo.text("*Your answer:* there"),
        zoo.text("An answer to no question"),
    ]
    result = convert.convert([_write(tmp_path, *cells)], OPTIONS)
    front = pypdf.PdfReader(io.BytesIO(result.data)).pages[0].extract_text()
    assert "2 of 3 answered" in front
    assert front.count("not answered") == 1
    for title in ("Inline Question 1:", "Inline question 2", "Inline Question 3"):
        assert title in front


def test_a_picture_below_an_empty_answer_is_an_answer():
    for tag in ("inline-question", "inline-answer"):
        above = zoo.text("### Question", metadata={"tags": ["inline-question"]})
        empty = zoo.text("*Your answer:*", metadata={"tags": [tag]})
        cells = [above, empty] if tag == "inline-answer" else [above]
        picture = zoo.text("![photo](attachment:a.png)", attachments={"a.png": {"image/png": zoo.PNG}})
        section, words = (picture | {"source": start + picture["source"]} for start in ("# ", "so "))
        for more, answered in (
            ([picture], True), ([zoo.text("## Next"), picture], False), ([section], False), ([words], False)
        ):  # fmt: skip
            book = notebooks.from_table(json.loads(zoo.as_bytes(zoo.notebook(*cells, *more))), Path("a.ipynb"))
            assert [one.answered for one in notebooks.read_status(book).questions] == [answered]


def test_a_broken_notebook_shows_its_words_and_not_its_pictures_data(tmp_path):
    file = tmp_path / "cut.ipynb"
    picture = zoo.bundle({"image/png": zoo.PNG * 50_000})
    file.write_bytes(zoo.as_bytes(zoo.notebook(zoo.text("first"), zoo.code("x", picture), zoo.text("last")))[:-3])
    book = notebooks.read(file)
    assert "cut off" in book.notice
    assert "first" in book.raw and "last" in book.raw and zoo.PNG[:40] in book.raw and len(book.raw) < 2000


def test_a_file_of_another_kind_is_called_so(tmp_path):
    for text in ("<html>Login</html>", "import numpy", "version https://git-lfs.github.com/spec/v1"):
        (tmp_path / "a.ipynb").write_text(text)
        assert notebooks.read(tmp_path / "a.ipynb").notice == (
            "This file is not a notebook: it does not begin as one. Its raw text follows."
        )


def test_names_and_status_of_each_notebook_are_on_the_title_page(tmp_path):
    good = _write(tmp_path, zoo.code("a = 1"), name="Good")
    error = {"output_type": "error", "ename": "E", "evalue": "bad", "traceback": ["E: bad"]}
    bad = _write(tmp_path, zoo.code("1/0", error), zoo.code("never", count=None), name="Bad")
    result = convert.convert([good, bad], OPTIONS)
    front = pypdf.PdfReader(io.BytesIO(result.data)).pages[0].extract_text()
    assert "1 of 1" in front and "1 of 2" in front and "1 cell ended with an error" in front
    second = pypdf.PdfReader(io.BytesIO(result.data)).pages[2].extract_text()
    assert "Bad.ipynb" in second and "3 / 3" in second


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a $x$ b", ["x"]),
        ("costs $5 and $10", []),
        ("`$x$` and ``$y$``", []),
        ("```\n$x$\n```\n$y$", ["y"]),
        ("~~~\n$x$", []),
        ("\\$5 and $x$", ["x"]),
        ("$$a\nb$$ $ c $", ["a\nb", " c "]),
        ("$a\n\nb$", []),
        ("\\begin{align}a\\end{align}", ["\\begin{align}a\\end{align}"]),
        ("<a href='$x$'>$y$</a> <!-- $z$ -->", ["y"]),
        ("$a<b$ and $c>d$", ["a<b", "c>d"]),
        ("$\\text{\\$}$", ["\\text{\\$}"]),
    ],
)
def test_formulas_are_found_as_jupyter_finds_them(text, found):
    kept = Aside()
    word = kept.extract(text, 1)
    assert [formula.tex for formula in kept.formulas] == found
    assert kept.restore(word) == text


def _series(*tex: str) -> list[str]:
    found = [Formula(one, False, 1) for one in tex]
    formulas.typeset_formulas([found])
    return [one.typst for one in found]


def test_definitions_hold_for_later_formulas():
    defined = r"\newcommand{\loss}[1]{\mathcal{L}(#1)}\def\F{\mathbb{F}}"
    assert _series(defined, r"\loss{\theta} \in \F^n") == ["", r"$cal(L) \( theta \) in bb(F)^n$"]
    assert _series(defined, r"\lossy \Fx", "x") == ["", "", "$x$"]
    assert _series(r"\newcommand{\n}[2][2]{[#2]_{#1}}", r"\n{x} \n[1]{y}")[1] == r"$\[ x \]_2 \[ y \]_1$"
    assert 'op("arg\u2006max")' in _series(r"\DeclareMathOperator*{\amax}{arg\,max}", r"\amax_x")[1]
    assert _series(r"\newcommand{\E}[1]{\mathbb{E}[#1]} \E{x}", r"\E{y}")[1] == r"$bb(E) \[ y \]$"
    assert _series(r"\renewcommand{\R}{S}", r"\R") == ["", "$S$"]


def test_a_macro_of_itself_leaves_the_other_formulas():
    assert _series(r"\def\loop{\loop\loop}", "a", r"\loop", r"\newcommand{\q}{Q}\q", r"\q \R") == [
        "", "$a$", "", "$Q$", "$Q bb(R)$"
    ]  # fmt: skip


def _typst(tex: str) -> Formula:
    formula = Formula(tex, True, 1)
    formulas.typeset_formulas([[formula]])
    return formula


def test_formulas_are_mended():
    assert _typst(r"\|x\|_2").typst.count('class("normal", bar.v.double)') == 2
    assert _typst("|x|").typst.count('class("normal", bar.v)') == 2
    assert "bold(w)" in _typst(r"{\bf w} + 1").typst
    assert _typst(r"x = 1 \tag{7}").tag == "(7)"
    assert _typst(r"\begin{aligned}a&=b&c&=d\end{aligned}").typst.count("#h(2em)") == 1
    assert 'mat(delim: #("{", none), align: #left, column-gap: #1em' in _typst(r"\begin{cases}1&2\\0\end{cases}").typst
    assert "mat(delim: #none" in _typst(r"\begin{array}{c|c}a&b\\c&d\end{array}").typst
    assert "#h(0em)" not in _typst(r"a\;b\!c").typst
    assert _typst(r"a &= b \\ &= c").typst
    assert _typst(r"\foo{x}").typst == ""
    assert _typst(r"\left[\begin{matrix}5\end{matrix}\right]").typst == "$ [vec(delim: #none, 5)] $"
    assert (
        "augment: #(vline: (1,), hline: (1,))"
        in _typst(r"\begin{array}{|c|c|}\hline a&b\\\hline c&d\\\hline\end{array}").typst
    )
    assert _typst(r"\begin{array}{c}a\\\hline b\end{array}").typst == "$ vec(delim: #none, a, b) $"
    assert _typst(r"\begin{rcases}a\\b\end{rcases}=c").typst == '$ vec(delim: #(none, "}"), align: #left, a, b) = c $'
    assert _typst(r"\textcolor{red}{a, b}").typst == r'$ text(fill: #rgb("#d00000"), a \, b ) $'
    assert 'text(fill: #rgb("#000000"), x )' in _typst(r"\color{nonesuch}{x}").typst
    assert _typst(r"a {\bf b {\rm c} d} e").typst == "$ a upright(bold(b upright(c) d)) e $"
    assert _typst(r"\begin{vmatrix}a&b\end{vmatrix}").typst == '$ mat(delim: "|", a, b) $'
    assert (
        _typst(r"\left\{\begin{array}{l}a\\b\end{array}\right.").typst
        == '$ vec(delim: #("{", none), align: #left, a, b) $'
    )
    assert _typst(r"\Bigl( x \bigr]").typst == r"$ stretch(\(, size: #180%) x stretch(\], size: #120%) $"
    assert 'class("normal", stretch(bar.v, size: #240%))_a' in _typst(r"f\bigg|_a").typst
    assert _typst(r"\operatorname{tr}(A)").typst == r'$ op("tr")\( A \) $'
    assert _typst(r"\left\lVert x\right\rVert_2").typst == "$ lr(bar.v.double x bar.v.double)_2 $"
    assert _typst(r"\text{a sect}").typst == '$ upright("a sect") $'
    assert _typst(r"s = \mu \text{ and } t").typst == '$ s = mu upright("and ")t $'
    assert _typst(r"\text{if } x").typst == '$ upright("if ")x $'
    assert _typst(r"a &lt; b &amp; c").typst == "$ a < b & c $"
    assert _typst(r"\begin{eqnarray*} a &=& b \\ && + c \\ x &= y \end{eqnarray*}").typst == (
        "$ a & = b\\\n & + c\\\nx & = y $"
    )
    assert _typst(r"\begin{array}{rcl} a &=& b \\ &=& c \\ \end{array}").typst == "$ a & = b\\\n & = c $"
    rows = r"a & \stackrel{!}{\leq} & b \\ & \vdots & \\ & {}\to{} & c \\[2pt] d"
    assert "mat(" not in _typst(rf"\begin{{array}}{{rcl}} {rows} \end{{array}}").typst
    assert _typst(r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \\[2pt] \end{bmatrix}").typst == '$ mat(delim: "[", 1, 2; 3, 4) $'
    assert _typst(r"\begin{aligned}[t] a &= b \end{aligned}").typst == "$ a & = b $"
    assert _typst(r"\operatorname{E}[x] \textbf{W}[i]").typst == r'$ "E"\[ x \] bold("W")\[ i \] $'
    assert _typst(r"\bigcap_{j} B").typst == "$ ⋂_j B $"
    assert _typst(r"\underset{a}{b} \overset{c}{d}").typst == "$ scripts(limits(b )_a )scripts(limits(d )^c ) $"
    assert _series(r"\overset{c}{d}", r"\color{red}{x}")[0] == "$scripts(limits(d )^c )$"
    assert _typst(r"\overset{c}{d}^T").typst == "$ scripts(limits(d )^c )^T $"
    assert _typst(r"\underset{w}{\operatorname{Var}} x").typst == '$ scripts(limits(op("Var") )_w )x $'
    assert _typst(r"\underset{w}{\arg\max} f").typst == '$ scripts(limits(op("arg\u2006max", limits: #true) )_w )f $'


def test_an_array_that_is_no_equation_keeps_its_columns_and_rules():
    table = _typst(r"\begin{array}{rcl} x & y & xy \\ 1 & -2 & 3 \end{array}").typst
    assert table == "$ mat(delim: #none, x, y, x y; 1, - 2, 3) $"
    total = _typst(r"\begin{array}{rcl} 12 & + & 3 \\ \hline & = & 15 \end{array}").typst
    assert total == "$ mat(delim: #none, augment: #(hline: (1,)), 12, +, 3; #none, =, 15) $"


def test_formulas_of_two_lines_overlap_nowhere(tmp_path):
    source = "1. $\\underbrace{a + b}_{\\text{below}}$\n2. $\\overbrace{a + b}^{\\text{above}}$"
    page = pypdfium2.PdfDocument(convert.convert([_write(tmp_path, zoo.text(source))], OPTIONS).data)[1].get_textpage()
    text = page.get_text_range()
    bottom = min(page.get_charbox(text.index("below") + n)[1] for n in range(5))
    assert bottom > max(page.get_charbox(text.index("above") + n)[3] for n in range(5))


def test_environments_outside_formulas_stand_alone():
    """As every viewer shows them, whatever their name"""
    kept = Aside()
    kept.extract("so \\begin{aligned}a&=b\\end{aligned} and \\begin{gather}c\\end{gather} and $d$", 1)
    assert [formula.display for formula in kept.formulas] == [True, True, False]


def test_links_of_either_kind_lead_where_they_led(tmp_path):
    source = (
        "<a href='https://a.b/c?x=1&y=2'>one</a> [two](http://c.d) https://e.f/g_h. [no](javascript:alert) [in](#x)"
    )
    result = convert.convert([_write(tmp_path, zoo.text(source))], OPTIONS)
    notes = pypdf.PdfReader(io.BytesIO(result.data)).pages[1]["/Annots"]
    links = [note.get_object()["/A"].get("/URI") for note in notes]
    assert links == ["https://a.b/c?x=1&y=2", "http://c.d", "https://e.f/g_h"]


def test_a_formula_that_typst_refuses_gives_way_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(formulas, "clean_typst", lambda text: text.replace("x", "nosuchname"))
    result = convert.convert([_write(tmp_path, zoo.text("left $x$ middle $y$ right"), zoo.code("a = 1"))], OPTIONS)
    assert [mark.text for mark in result.degradations] == ["formula set as typed: $x$"]
    assert "$x$" in _text(result.data)
    assert result.problems == []


def test_a_formula_gives_way_alone_where_typst_names_no_place(tmp_path, monkeypatch):
    monkeypatch.setattr(formulas, "clean_typst", lambda text: text.replace("x", "nosuchname"))
    monkeypatch.setattr(typesetting, "find_blocks_at", lambda *_: [])
    result = convert.convert([_write(tmp_path, zoo.text("left $x$ middle $y$"), zoo.text("**other**"))], OPTIONS)
    assert [mark.text for mark in result.degradations] == ["formula set as typed: $x$"]


def test_markdown_nested_deeply_is_set(tmp_path):
    result = convert.convert([_write(tmp_path, zoo.text("<div>" * 250 + "innermost"))], OPTIONS)
    assert "innermost" in _text(result.data)
    assert result.problems == []


def test_a_cell_that_typst_refuses_gives_way_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.pdf.tree.inline", lambda text: f"#nosuch({text!r});" if "odd" in text else "#[fine];")
    result = convert.convert([_write(tmp_path, zoo.text("an odd cell"), zoo.text("fine"))], OPTIONS)
    assert [(mark.cell, mark.text) for mark in result.degradations] == [(1, "set as typed")]
    assert "an odd cell" in _text(result.data)


def test_long_lines_stay_on_the_page_and_whole(tmp_path):
    texts = ("x" * 350, "word " * 60, "中" * 120, "\t" + "y" * 130, "f(" + "aa," * 90, "half-" * 60)
    cells = [zoo.code(text, zoo.stream(text)) for text in texts]
    result = convert.convert([_write(tmp_path, *cells)], OPTIONS)
    assert result.problems == []
    page = pypdfium2.PdfDocument(result.data)[1].get_textpage()
    assert max(page.get_rect(number)[2] for number in range(page.count_rects())) < 539  # 595 points less the margin


def _decoded(text: str) -> list[list[tuple[str, str]]]:
    return lines.decode_escapes(outputs.follow(text))


def test_terminals_are_followed():
    assert _decoded("  0%\r 50%\r100%\n") == [[("", "100%")]]
    assert _decoded("  0%\r 50%\r100%\r\nnext") == [[("", "100%")], [("", "next")]]
    assert _decoded("\x1b[32m 50%\r100%\x1b[0m\r") == [[("", "100%")]]
    assert _decoded("abc\b\bX") == [[("", "aXc")]]
    assert _decoded("\x1b[1;31mred\x1b[0m plain")[0] == [("a1 b", "red"), ("", " plain")]
    assert _decoded("\x1b[31mred\nstill")[1] == [("a1", "still")]
    assert _decoded("\x1b[38;2;1;2;3mx\x1b[38;5;4my")[0] == [("", "x"), ("a4", "y")]
    assert _decoded("a\x1b[2Kb\x1b]0;title\x07c\x1b(Bd\x1be\x00") == [[("", "abcd")]]
    assert _decoded("a\tb") == [[("", "a       b")]]


def test_a_bar_of_a_widget_shows_its_last_state_where_it_was_saved(tmp_path):
    cell = zoo.code("b", zoo.view("zqbar", "zqepoch:   0%|          | 0/10 [00:00<?, ?it/s]"))
    last = "zqepoch: 100%|██████████| 10/10 [00:03<00:00, 3.05it/s]"
    first = "An interactive widget was here; paper cannot show it: zqepoch:   0%|          | 0/10 [00:00<?, ?it/s]"
    saved = {"state": zoo.WIDGETS, "version_major": 2, "version_minor": 0}
    for models, shown in ((saved, last), (zoo.WIDGETS, last), ({}, first), ({"state": []}, first), (None, first)):
        table = zoo.notebook(cell, metadata={"widgets": {"application/vnd.jupyter.widget-state+json": models}})
        book = notebooks.from_table(json.loads(zoo.as_bytes(table)), tmp_path / "a.ipynb")
        assert [one.text for one in outputs.select(book.cells[0].outputs, Pdf(), book.widgets)] == [shown]


def test_a_widget_that_holds_itself_or_a_thousand_boxes_ends():
    models = {
        "a": {"state": {"children": ["IPY_MODEL_b", "IPY_MODEL_b"]}},
        "b": {"state": {"children": ["IPY_MODEL_a"]}},
    }
    models |= {f"c{n}": {"state": {"children": [f"IPY_MODEL_c{n + 1}"] * 9}} for n in range(5000)}
    models["c5000"] = {"model_name": "LabelModel", "state": {"value": "deep"}}
    for name, shown in (("a", []), ("c0", ["deep"])):
        found = outputs.select([zoo.view(name, "first")], Pdf(), models)
        assert [one.text for one in found] == shown


def test_an_output_that_was_wiped_out_leaves_nothing():
    """A progress bar that has ended leaves an empty text in its notebook"""
    wiped = [{"output_type": "display_data", "data": data, "metadata": {}} for data in ({}, {"text/plain": ""})]
    assert outputs.select(wiped, Pdf()) == []


def test_long_outputs_are_cut_and_counted():
    many = "\n".join(f"line {n}" for n in range(1000))
    (head, tail), words = outputs.cut(many, Pdf(output_lines=30, output_characters=10_000))
    assert head.count("\n") == 19 and tail.count("\n") == 9 and "970 lines" in words
    assert tail.endswith("\nline 999")
    (head, tail), words = outputs.cut("z" * 500, Pdf(output_characters=100))
    assert (head, tail) == ("z" * 100, "") and "400 more characters" in words
    (head, tail), words = outputs.cut("a\n" * 8 + "z" * 90, Pdf(output_characters=60))
    assert (head, tail) == ("\n".join("a" * 8), "") and words == "… 1 lines (90 characters) left out"
    assert outputs.cut("a\nb", Pdf()) == (["a\nb"], "")


def test_characters_without_a_font_are_named_and_shown_by_number(tmp_path, monkeypatch):
    monkeypatch.setattr(typesetting, "PACKAGES", typesetting.PACKAGES[:1])
    monkeypatch.setattr("grader.pdf.typesetting._find_system_fonts", list)
    result = convert.convert([_write(tmp_path, zoo.text("ok 中 and $\\text{文}$"), zoo.code("x = '中'"))], OPTIONS)
    notes = [str(mark) for mark in result.degradations]
    assert "one, cell 1: no font has 中 (U+4E2D)" in notes
    assert "one, cell 2: no font has 中 (U+4E2D)" in notes
    assert result.missing == set("中文")
    named = convert.convert([_write(tmp_path, zoo.text("x"))], Options(names="文", date=DATE))
    assert "[U+6587]" in _text(named.data) and str(named.degradations[0]) == "title page: no font has 文 (U+6587)"
    text = _text(result.data)
    assert text.count("[U+4E2D]") == 2 and "[U+6587]" in text
    assert result.problems == []


def test_letters_of_a_drawing_have_a_font(tmp_path):
    drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='30'><text y='20'>&#x4e2d;</text></svg>"
    result = convert.convert([_write(tmp_path, zoo.code("x", zoo.bundle({"image/svg+xml": drawing})))], OPTIONS)
    assert "中" in _text(result.data)


def test_only_fonts_that_are_not_installed_are_recommended(monkeypatch):
    assert "pip install" not in typesetting.explain_missing_fonts()
    monkeypatch.setattr(typesetting, "PACKAGES", (*typesetting.PACKAGES, ("some_font", "", ("*.ttf",))))
    assert typesetting.explain_missing_fonts().endswith("to see them: pip install some-font")


def test_images_are_looked_for_in_their_places_only(tmp_path):
    beside = tmp_path / "course" / "notebooks"
    (tmp_path / "course" / "assets").mkdir(parents=True)
    beside.mkdir()
    (tmp_path / "course" / "assets" / "a.png").write_bytes(zoo.png())
    (tmp_path / "secret.png").write_bytes(zoo.png())
    store = Images(tmp_path, beside, [tmp_path / "course" / "assets"])
    assert store.find("elsewhere/a.png", {}) == zoo.png()
    for url, words in [
        ("../../secret.png", "not found"),
        ("http://x.y/a.png", "not fetched"),
        ("//x.y/a.png", "not fetched"),
        (r"\\x.y\a.png", "not fetched"),
        ("%5C%5Cx.y/a.png", "not fetched"),
        ("attachment:q.png", "attachment not found: q.png"),
        ("b.png", "image not found: b.png$"),
        ("plots/b.png", r"image not found: plots/b.png \(nor its folder plots\)"),
        ("../../none/b.png", "image not found: ../../none/b.png$"),
        ("a%00b/c.png", "image not found: a%00b/c.png"),
        (f"{'x' * 300}/c.png", "image not found: x+$"),
    ]:
        with pytest.raises(ImageProblem, match=words):
            store.find(url, {})


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({}, "width: 90.00pt"),
        ({"width": "40"}, "width: 30.00pt"),
        ({"width": "50%"}, "width: 235.00pt"),
        ({"height": "20px"}, "height: 15.00pt"),
        ({"style": "max-width: 9px; width:60px;"}, "width: 45.00pt"),
        ({"width": "40", "style": "height : 30pt"}, "width: 30.00pt, height: 30.00pt"),
        ({"width": "soon"}, "width: 90.00pt"),
    ],
)
def test_images_have_the_size_they_ask_for(attributes, size):
    assert images.write_image(("/a.png", 90), "", attributes).endswith(f"({size}))")
    assert images.write_image(("/a.svg", 0)).endswith("(:))")


def test_images_fit_the_page(tmp_path):
    drawing = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 2'><rect width='4' height='2'/></svg>"
    asked = {"image/png": {"width": 9000}}
    wide = {"output_type": "display_data", "data": {"image/png": zoo.b64(zoo.png(12, 8))}, "metadata": asked}
    high = zoo.bundle({"image/png": zoo.b64(zoo.png(100, 2000))})
    cells = [zoo.code("x", wide), zoo.code("y", high), zoo.code("z", zoo.bundle({"image/svg+xml": drawing}))]
    file = _write(tmp_path, *cells)
    pages = pypdfium2.PdfDocument(convert.convert([file], OPTIONS).data)
    sizes = [one.get_bounds() for page in pages for one in page.get_objects(filter=[3])]
    assert [(round(right - left), round(top - bottom)) for left, bottom, right, top in sizes] == [(482, 321), (31, 620)]


def test_a_large_image_is_scaled_down(tmp_path):
    store = Images(tmp_path, tmp_path, [], megapixels=0.01)
    path, width = store.keep(zoo.png(200, 100))
    assert width == 150
    from PIL import Image

    with Image.open(tmp_path / Path(path).name) as picture:
        assert picture.size == (140, 70)
    with pytest.raises(ImageProblem, match=r"300 x 200 pixels, more than 0\.04 megapixels"):
        store.keep(zoo.png(300, 200))


def test_a_photo_is_shown_as_the_camera_was_held(tmp_path):
    from PIL import Image

    held = Image.Exif()
    held[0x112] = 6
    out = io.BytesIO()
    Image.new("RGB", (300, 100)).save(out, "JPEG", exif=held)
    for number, megapixels in enumerate((1, 0.02)):  # as it is, and scaled down
        (tmp_path / str(number)).mkdir()
        path, width = Images(tmp_path / str(number), tmp_path, [], megapixels).keep(out.getvalue())
        assert path.endswith("jpg") and width == 75
    with Image.open(tmp_path / "1" / "0.jpg") as picture:
        assert picture.size == (81, 243)


def test_an_orientation_that_is_no_number_turns_nothing(tmp_path):
    from PIL import Image

    for kind in (2, 7):  # text and bytes
        odd = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01" + bytes([kind, 0, 2, 0, 0, 0]) + b"6\0\0\0" + bytes(4)
        for number, megapixels in enumerate((1, 0.02)):  # as it is, and scaled down
            folder = tmp_path / f"{kind}{number}"
            folder.mkdir()
            out = io.BytesIO()
            Image.new("RGB", (300, 100)).save(out, "JPEG", exif=odd)
            assert Images(folder, tmp_path, [], megapixels).keep(out.getvalue())[1] == 225


def test_megabytes_of_image_data_take_no_time_and_no_pages(tmp_path):
    uri = "data:image/png;base64," + zoo.b64(zoo.png() + b"x" * 6_000_000)
    cells = [zoo.text(f"a ![d]({uri}) b <img src='{uri}' height=9>"), zoo.text(f"<b>open ![e]({uri}\n\nmore")]
    result = convert.convert([_write(tmp_path, *cells)], OPTIONS)
    assert result.pages < 12
    assert result.problems == []


def test_code_stays_with_its_picture_where_they_fit(tmp_path):
    lines_of_code = "\n".join(f"x{n} = {n}" for n in range(45))
    data = [zoo.b64(zoo.png(300, height)) for height in (300, 800)]
    html = {"text/html": f"<div><img src='data:image/png;base64,{data[0]}'></div>"}
    for form, alone in (({"image/png": data[0]}, False), ({"image/png": data[1]}, True), (html, False)):
        picture = zoo.bundle(form)
        cells = [zoo.code(lines_of_code), zoo.code("plot = 1\n" * 20, picture)]
        pages = pypdf.PdfReader(io.BytesIO(convert.convert([_write(tmp_path, *cells)], OPTIONS).data)).pages
        assert ("plot = 1" in pages[1].extract_text()) == alone


def test_a_question_and_its_answer_stay_on_one_page_where_they_fit(tmp_path):
    asked = {"tags": ["inline-question"]}
    for height, page in ((9, 2), (70, 1)):
        cells = [
            zoo.code("\n".join(f"x{n} = {n}" for n in range(60))),
            zoo.text("### Question 1\nWhy?", metadata=asked),
            zoo.text("\n\n".join(f"because {n}" for n in range(height)), metadata={"tags": ["inline-answer"]}),
        ]
        pages = pypdf.PdfReader(io.BytesIO(convert.convert([_write(tmp_path, *cells)], OPTIONS).data)).pages
        assert "Why?" in pages[page].extract_text() and "because 0" in pages[page].extract_text()


def test_results_without_counts_are_not_called_unrun(tmp_path):
    cells = [zoo.code("print(1)", zoo.stream("1"), count=None), zoo.code("x = 1", count=None)]
    front = pypdf.PdfReader(io.BytesIO(convert.convert([_write(tmp_path, *cells)], OPTIONS).data)).pages[0]
    assert "not counted, 1 of 2 with output" in front.extract_text()


@pytest.mark.parametrize("level", [10**9, -3, "two"])
def test_a_heading_of_an_odd_level_takes_no_memory(tmp_path, level):
    cell = {"cell_type": "heading", "level": level, "source": "A heading"}
    file = tmp_path / "old.ipynb"
    file.write_text(json.dumps({"nbformat": 3, "worksheets": [{"cells": [cell]}]}))
    assert len(notebooks.read(file).cells[0].source) < 20


def test_writing_leaves_the_old_file_whole(toy, monkeypatch):
    out, file = toy.root / "a.pdf", _write(toy.root, zoo.text("x"))
    out.write_bytes(b"%PDF-old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("grader.files.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        convert.make(toy.manifest, out, [file], PdfRequest([], "2026-01-31"))
    assert out.read_bytes() == b"%PDF-old"
    assert [one for one in toy.root.iterdir() if "pdf" in one.name] == [out]


def test_the_command_writes_the_pdf_and_says_what_it_did(command, toy):
    file = _write(toy.root, zoo.text("words ![](gone.png)"), zoo.code("a = 1"))
    toy.write("names.txt", "Grace Hopper\n")
    code, out, _ = command("pdf", "out.pdf", file.name, "--date", "2026-01-31")
    assert code == 0
    assert "one, cell 1: image not found: gone.png" in out
    assert "written: out.pdf (2 pages" in out and "reopened and checked" in out
    reader = pypdf.PdfReader(toy.root / "out.pdf")
    assert "Grace Hopper" in reader.pages[0].extract_text()
    assert reader.metadata.title == toy.manifest.title


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gone.ipynb",), "gone.ipynb is missing"),
        (("one.ipynb", "--date", "soon"), "'soon' is no date; write it as 2026-01-31"),
    ],
)
def test_what_cannot_run_ends_with_one_sentence(command, toy, words, said):
    _write(toy.root, zoo.text("x"))
    code, _, err = command("pdf", "out.pdf", *words)
    assert code == 2 and said in err and err.count("\n") == 1
    assert not (toy.root / "out.pdf").exists()


def test_missing_programs_are_named(tmp_path, monkeypatch):
    file = _write(tmp_path, zoo.text("x"))
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(ProgramMissing, match="typst is missing; install it with: pip install typst"):
        convert.convert([file], OPTIONS)


def test_nbconvert_can_use_the_engine(tmp_path):
    from traitlets.config import Config

    from grader.pdf.exporter import ChainrulePdfExporter

    file = _write(tmp_path, zoo.text("Some *words*"), zoo.code("a = 1"))
    settings = Config({"ChainrulePdfExporter": {"date": "2026-01-31", "names": "Ada"}})
    data, resources = ChainrulePdfExporter(config=settings).from_filename(str(file))
    assert resources["output_extension"] == ".pdf"
    assert "Somewords" in _squashed(_text(data)) and "Ada" in _text(data)


def test_nbconvert_finds_the_exporter_by_name():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, name = project["entry-points"]["nbconvert.exporters"]["chainrule-pdf"].split(":")
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("key", ["output_lines", "output_characters", "table_rows", "image_megapixels"])
def test_limits_of_the_manifest_are_judged(toy, key):
    toy.write("assignment.toml", (toy.root / "assignment.toml").read_text() + f"\n[pdf]\n{key} = 0\n")
    with pytest.raises(CourseError, match=f"pdf.{key}: expected `int` >= 1; give it such a value"):
        _ = toy.manifest


def test_limits_of_the_manifest_are_used(toy):
    toy.write("assignment.toml", (toy.root / "assignment.toml").read_text() + "\n[pdf]\noutput_lines = 9\n")
    file = _write(toy.root, zoo.code("x", zoo.stream("".join(f"line {n}\n" for n in range(50)))))
    result = convert.make(toy.manifest, toy.root / "o.pdf", [file], PdfRequest([], "2026-01-31"))
    assert "41 lines" in result.degradations[0].text


def test_reading_never_refuses(tmp_path):
    for content in (b"", b"{", b"[]", b'{"cells": [null, 1, {"source": {"a": 1}, "outputs": [3, {"data": 7}]}]}'):
        file = tmp_path / "n.ipynb"
        file.write_bytes(content)
        book = notebooks.read(file)
        assert book.notice or book.cells
        json.dumps([cell.source for cell in book.cells])


def _markup(text: str, is_output: bool = False) -> str:
    html = markup.strip_hidden(text) if is_output else markup.render(text)
    return Writer(Aside(), str, lambda *_: "#image;").write(markup.parse(html)).strip()


@pytest.mark.parametrize("is_output", [False, True])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("multi <head> attention", "multi attention"),
        ("the <title> of it", "the of it"),
        ("<html><body>one</body></html> then <html><body>two</body></html>", "one then two"),
        ("</body></html>after", "after"),
        ("<html></html>", ""),
        ("<frameset><frame src='a'></frameset>", ""),
        ("<html><frameset></frameset></html>", ""),
    ],
)
def test_tags_of_a_whole_page_take_no_words_away(text, words, is_output):
    found = re.findall(r'#"([^"]*)";', _markup(text, is_output))
    assert " ".join(" ".join(one for one in found if "frame" not in one).split()) == words


def test_a_tag_that_does_not_end_is_text():
    assert _markup("<p>if x<y holds</p> <i and on", True) == '#"if x<y holds";\n\n #"<i and on";'
    assert _markup("<p title='a<b'>c <img src='d.png'<b>e</b>", True) == '#"c <img src=\'d.png\'";#strong[#"e";];'


def test_a_hidden_row_in_the_middle_of_a_long_table_is_left_out_once():
    hidden = "<tr style='display: none'><td>row 5</td></tr>"
    rows = "".join(hidden if n == 5 else f"<tr><td>row {n}</td></tr>" for n in range(10))
    shown, count, said = markup.cut_page(f"<table>{rows}</table>", 6)
    assert re.findall(r"row (\d)", shown) == list("012389") and (count, said) == (4, "")


def test_a_wide_table_with_spans_is_divided():
    cells = "".join(f"<td>column_number_{n}</td>" for n in range(14))
    table = _markup(f"<table><tr><th rowspan=2>name</th><th colspan=14>heads $</th></tr><tr>{cells}</tr></table>", True)
    parts = table.split("#table(columns: ")[1:]
    assert [int(part.split(",")[0]) for part in parts] == [7, 7, 3]
    for part, columns in zip(parts, (6, 6, 2)):
        assert f'x: 1, y: 0, colspan: {columns}, rowspan: 1, [#strong[#"heads $";]' in part
        assert 'x: 0, y: 0, colspan: 1, rowspan: 2, [#strong[#"name";]' in part
    assert "column_number_13" in parts[2] and "x: 2, y: 1" in parts[2]


def test_lines_of_preformatted_text_stay_lines():
    assert _markup("<pre>one<br>two<br/>three</pre>") == '#snippet[#"one"; \\\n#"two"; \\\n#"three";]'


@pytest.mark.parametrize("is_output", [False, True])
def test_lines_of_a_script_that_nothing_closes_stay_lines(is_output):
    """A browser would hide them, with all that follows"""
    source = "<script>\nlet a = 1;\n  for (i=0;i<n;i++) {}\n\n**after** <b>it</b>"
    lines_of_it = ["<script>", "let a = 1;", "  for (i=0;i<n;i++) {}", "", "**after** <b>it</b>"]
    shown = " \\\n".join(f'#"{line}";' if line else "#none;" for line in lines_of_it)
    assert _markup(source, is_output) == f"#snippet[{shown}]"
    assert _markup("the <script> of it, **bold**", is_output).startswith('#"the <script> of it,')


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 30, "٣", "²", "-1", ""])
def test_odd_numbers_in_tables_and_lists_are_none(number):
    table = _markup(f"<table><tr><td colspan='{number}' rowspan='{number}'>a</td></tr></table>")
    assert "columns: 1," in table and "span" not in table
    assert _markup(f"<ol start='{number}'><li>a</li></ol>") == '#enum(tight: true)[#"a";]'


def test_html_that_is_shown_as_text_has_no_entities():
    source = "<div>caf&eacute; &lt;b&gt;</div>"
    for text in (source, source + "<p></p>" * 50_000):  # beside the page, and in its place
        [shown] = outputs.select([{"output_type": "display_data", "data": {"text/html": text}}], Pdf())
        assert (shown.alternative or shown.text).strip() == "café <b>"
