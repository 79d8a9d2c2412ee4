"""A zoo of awkward cells and broken notebooks for the PDF engine; `python zoo.py FOLDER` writes them as files.

An animal's `marks` are parts of the notes that the engine must give on it; `none` among them means that it must be
set without any note. `words` must stand in the PDF's text, `absent` must not."""

# ruff: noqa: E501

import base64
import io
import json
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

NONE = "none"


@dataclass(frozen=True)
class Animal:
    """Some cells that are hard to set, and what must come of them."""

    name: str
    cells: list[dict]
    marks: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


ZOO: list[Animal] = []
BROKEN: dict[str, bytes] = {}
FILES: dict[str, bytes] = {}  # what lies beside the notebooks
WIDGETS: dict[str, dict] = {}  # models of widgets whose state the notebook of all cells holds


def png(width: int = 12, height: int = 8, rows: int | None = None) -> bytes:
    """A small picture; with fewer rows than its height it is cut off."""
    raw = b"".join(b"\0" + bytes([200, 80, 40] * width) for _ in range(height if rows is None else rows))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def picture(form: str) -> bytes:
    """A small picture in a format of Pillow's."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (16, 10), (30, 90, 160)).save(out, form)
    return out.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30"><circle cx="15" cy="15" r="9"/></svg>'
PNG = b64(png())


def text(source, **more) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def code(source, *outputs: dict, count=1, **more) -> dict:
    return {
        "cell_type": "code", "metadata": {}, "source": source, "outputs": list(outputs), "execution_count": count, **more
    }  # fmt: skip


def stream(words, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": words}


def data(metadata=None, **forms) -> dict:
    bundle = {mime.replace("__", "/").replace("_", "-"): value for mime, value in forms.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": metadata or {}}


def bundle(forms: dict, metadata=None) -> dict:
    return {"output_type": "display_data", "data": forms, "metadata": metadata or {}}


def add(name: str, *cells: dict, marks=(), words=(), absent=()) -> None:
    ZOO.append(Animal(name, list(cells), tuple(marks), tuple(words), tuple(absent)))


def markdown(name: str, *sources: str, **expected) -> None:
    add(name, *(text(source) for source in sources), **expected)


# Markdown that is not closed, or is more than Markdown
markdown("unclosed fence", "before\n```python\nx = 1\n", "after the *fence*", marks=[NONE], words=["after the fence"])
markdown("unclosed div", "<div class='x'>\n\ninside **div**", "not inside", marks=[NONE])
markdown("unclosed bold tag", "text <b>bold and on", "plain again", marks=[NONE])
markdown("unclosed details", "<details><summary>Look</summary>\n\nhidden?", "next one", words=["hidden?"])
markdown("unclosed comment", "seen <!-- never closed", "seen too", words=["seen too"])
markdown(
    "unclosed script",
    "<script>\nlet scriptword = 1\n\n**after** it",
    "next one",
    words=["scriptword", "after", "next one"],
)
markdown("unclosed style", "<style>\np { styleword }\n\nafter it", words=["styleword", "after it"])
markdown("unclosed comment of a block", "<!-- noteword\n\nafter it", words=["noteword", "after it"])
add(
    "output with an unclosed script",
    code("x", bundle({"text/html": "<p>one</p><script>hidden()</script><script>let a = shownword <b>bold</b>"})),
    words=["one", "shownword", "bold"],
    absent=["hidden()"],
)
markdown("yaml at the start", "---\ntitle: nothing\n---\nbody", words=["title: nothing", "body"], marks=[NONE])
markdown(
    "typst injection", '#panic("no") #eval("1") #import "x.typ" *a _b $ ] } /* // @ref <label> ~ -- \\ `', marks=[]
)
markdown("typst injection in a title", '# "#panic() ] #pagebreak() \\', words=["#panic() ]"])
markdown("latex outside formulas", "\\newpage \\textbf{loud} \\section{S} 50\\% \\& done", words=["\\newpage"])
markdown(
    "heading links and names", "## A {#a}\n[go](#a) @someone [up](../x.ipynb) <me@x.org>", words=["go", "@someone"]
)
markdown("footnotes", "claim[^1] and[^n]\n\n[^1]: first note\n[^n]: second note", words=["first note", "second note"])
markdown("footnotes in a circle", "x[^1] y\n\n[^1]: see [^2]\n\n[^2]: see [^1]", words=["see"])
markdown("footnote that nothing calls", "text\n\n[^lone]: noteword and [^other] call", words=["noteword"])
markdown("tasks", "- [ ] open\n- [x] done\n- plain", words=["open", "done"])
markdown("deep lists", "\n".join("  " * n + f"- level {n}" for n in range(14)), words=["level 13"])
markdown("list right after text", "text\n- one\n- two\n3. three", words=["three"])
markdown("deep quotes", "> " * 12 + "deep", words=["deep"])
markdown("very deep quotes", ">" * 900 + "deepest", words=["deepest"])
markdown("ragged table", "| a | b |\n|:-:|--|\n| 1 |\n| 1 | 2 | 3 |", words=["a", "b"])
markdown("table with pipes", "| a | b |\n|--|--|\n| `x\\|y` | $|z|$ |", words=["x|y"], marks=[NONE])
markdown("wide table", "|" + "column |" * 14 + "\n|" + "--|" * 14 + "\n|" + "averylongvalue |" * 14, marks=[NONE])
markdown("html table", "<table><tr><th>H<th>I</tr><tr><td rowspan=2>1<td>2<tr><td>3</table>", words=["H", "I"])
markdown("inline html", "a<br>b<br/>c <font color='red'>red</font> x<sub>1</sub><sup>2</sup> <kbd>K</kbd> <u>u</u>")
markdown("centered html", "<center><h2>Big</h2><p>words</p></center>", words=["Big", "words"])
markdown("tags that are none", "a List<int> and <your name here> and 1 < 2 > 0", words=["List<int>"])
markdown("entities", "&lt;tag&gt; &amp; &eacute; &#9731; &nope;", words=["<tag>", "&nope;"])
markdown("cells of no table", "a <td>zqstray</td> b\n\n<th>zqhead</th>", words=["zqstray b", "zqhead"], marks=[NONE])
markdown(
    "text beside cells and items",
    "<table>zqbeside<tr>zqinrow<td>1</td></tr></table>\n\n<ul>zqoflist<li>a</li><p>zqbetween</p></ul>",
    words=["zqbeside", "zqinrow", "zqoflist", "zqbetween"],
    marks=[NONE],
)
markdown("quotes by tag", "he said <q>no <b>way</b></q> and left", words=["“no way”"], marks=[NONE])
markdown("addresses that are none", "[x](http://[a) ![y](http://[b)", words=["x"], marks=["remote image, not fetched"])
markdown("scripts", "<script>alert('zq')</script><style>p{color:red}</style>shown", absent=["alert"])
markdown("long word", "w" * 400 + " and https://example.org/" + "path/" * 60, marks=[NONE])
markdown("crossing emphasis", "**bold *both** only* _x_y_ snake_case_name **", words=["snake_case_name"])
markdown("heading without space", "#NoHeading\n\n####### seven", words=["#NoHeading"])
markdown("hard breaks", "one  \ntwo\\\nthree\nfour", words=["one", "four"])
markdown("empty link and image", "[]() [text]() ![]() [x]( <a b> )", marks=["image without an address"])
markdown("code with backticks", "`` a ` b `` and ```c``d``` and ` ` `", words=["a ` b", "c``d"])
markdown("indented code", "para\n\n    x = $y$\n    #panic\n", words=["x = $y$"], marks=[NONE])
markdown("fence in a list", "1. a\n   ```\n   $x$ kept\n   ```\n2. b", words=["$x$ kept"])
markdown("unknown fence language", "```{.python .numberLines}\nx=1\n```\n~~~mermaid\ngraph\n~~~", words=["graph"])
markdown(
    "comparisons like tags",
    "x<y and y>z, a<b and c>d: chained; n<N, i>0; <i and on",
    words=["a<b and c>d", "<i and on"],
)
markdown("link by tag", "see <a href='https://example.org/data?x=1&y=2'>the data</a>", words=["the data"])
markdown(
    "figure by tag",
    "<figure><img src='near.png'><figcaption>Figcaption text</figcaption></figure>",
    words=["Figcaption text"],
)
markdown(
    "table after text",
    "Results:\n| opt | acc |\n|---|---|\n| zqsgd | 1 |",
    words=["Results:", "zqsgd"],
    absent=["|zqsgd|"],
)
markdown(
    "table after an item",
    "- item\n| a | b |\n|--|--|\n| zqcell | 2 |\n\n```\nx\n|y|\n|-|\n```",
    words=["zqcell", "x\n|y|"],
    absent=["|zqcell"],
)
markdown("surplus cells", "| a |\n|---|\n| x | zqtoomany |", words=["zqtoomany"], marks=[NONE])
markdown("sentence in a table", "| a | b |\n|--|--|\n| c | " + "one long sentence " * 20 + "zqend |", words=["zqend"])
markdown(
    "table of many columns",
    "|"
    + "|".join(f"column{n}" for n in range(24))
    + "|\n"
    + "|--" * 24
    + "|\n"
    + "".join(f"|value{n}" for n in range(24)),
    words=["column23", "value23"],
    marks=[NONE],
)
markdown(
    "table without ends", "<table><tr><th>zqleft<th>r<tr><td>1<td>2</table>\n\nafter", words=["zqleft"], marks=[NONE]
)

markdown(
    "colours of answers",
    "<font color='blue'>**zqblue** it</font> <span style='color: #ffff00'>zqyellow</span> <font size=3>zqplain</font>",
    words=["zqblue it", "zqyellow", "zqplain"],
    marks=[NONE],
)
markdown("bold and slanted han", "**粗体中文** 和 *斜体中文* **굵게**", words=["粗体中文", "斜体中文"])

# Formulas
markdown(
    "columns of one",
    "$$\\begin{array}{c}1\\\\2\\end{array} \\left[\\begin{matrix}5\\end{matrix}\\right] \\left[\\begin{array}{l}x\\\\y\\end{array}\\right]$$",
    marks=[NONE],
    absent=["zqbare"],
)
markdown(
    "bars around a matrix",
    "$$\\det\\begin{vmatrix}a&b\\\\c&d\\end{vmatrix}+\\begin{Vmatrix}a\\\\b\\end{Vmatrix}$$",
    marks=[NONE],
)
markdown(
    "names that changed",
    "$A\\cap B\\odot C\\otimes D\\ominus E \\bigcap\\bigotimes\\bigodot\\sqcap$",
    marks=[NONE],
    words=["⊙"],
)
markdown(
    "above and below",
    "so $\\underset{\\theta}{\\arg\\max} f$, $\\underset{a}{b}\\overset{c}{d}$ and $x\\overset{!}{=}y$ $$\\underset{n\\times d}{X} w$$",
    marks=[NONE],
)
markdown("big braces", "$\\bigg\\{ x \\bigg\\} \\Big\\{ \\big\\|x\\big\\|_2$", marks=[NONE])
markdown(
    "brace before an array",
    "$$f=\\left\\{\\begin{array}{ll}1&x>0\\\\0&x\\le0\\end{array}\\right.$$ $\\begin{dcases}a\\\\b\\end{dcases}$",
    marks=[NONE],
)
markdown(
    "formula in words in a formula",
    "$g=\\begin{cases}1 & \\text{if $x>0$}\\\\0 & \\text{or}\\end{cases}$ after",
    marks=[NONE],
    words=["if"],
)
markdown(
    "operators",
    "$\\operatorname{tr}(A)+\\operatorname*{argmax}_x f+\\text{Var}(x)$",
    marks=[NONE],
    words=["tr(", "Var("],
)
markdown("words beside symbols", "$s = \\mu \\text{ and for } s = \\sigma^2$", marks=[NONE], words=["and for"])
markdown(
    "small commands",
    "$\\hspace*{1em}x \\kern3pt y \\mathclap{z} \\cfrac{a}{b} {a \\over b} \\S \\degree \\varlimsup \\colorbox{red}{w} \\xleftrightarrow{a}\\ $",
    marks=[NONE],
)
markdown(
    "formula of words",
    "$$\\text{"
    + "many words in a formula " * 12
    + "}$$ $\\begin{pmatrix}"
    + "&".join(f"w_{{1,{n}}}" for n in range(40))
    + "\\end{pmatrix}$",
    words=["many words in a formula }"],
)
markdown("bare align", "so\n\\begin{align}a&=b\\\\c&=d\\end{align}\nand", marks=[NONE])
markdown("align in columns", "$$\\begin{aligned}a&=b&c&=d&e&=f\\\\g&=h&i&=j&k&=l\\end{aligned}$$", marks=[NONE])
markdown(
    "macro for later",
    "$\\newcommand{\\loss}[1]{\\mathcal{L}(#1)}\\def\\R{\\mathbb{R}}$",
    "$\\loss{x}\\in\\R^n$",
    marks=[NONE],
)
markdown("macro with default", "$$\\newcommand{\\n}[2][2]{\\|#2\\|_{#1}}\\n{x}+\\n[1]{y}$$", marks=[NONE])
markdown("operator", "$\\DeclareMathOperator*{\\amax}{arg\\,max}\\amax_x f$ then $\\amax$", marks=[NONE])
markdown("macro of itself", "$\\def\\x{\\x\\x}\\x$ here", words=["here"])
markdown("tag", "$$E=mc^2\\tag{17}$$ and $$a\\tag{x}\\\\b\\tag{y}$$", words=["(17)"], marks=[NONE])
markdown("old fonts", "${\\bf w}^T {\\rm d}x + {\\cal L}$ and $\\bf W x$", marks=[NONE])
markdown("colour", "$\\textcolor{red}{x}+\\color{blue}{y}$ $\\require{cancel}z$", marks=[NONE])
markdown("labels", "$$x=1\\label{eq:a}$$ see $\\eqref{eq:a}$ and $\\ref{eq:a}$", marks=[NONE])
markdown("unknown macro", "before $\\foo{x}$ after", marks=["\\foo{x}"], words=["\\foo{x}", "after"])
markdown("cancelled", "$\\cancel{x}$ stays", marks=[NONE], words=["stays"])
markdown("norms", "$\\|x\\|_2^2 = \\left\\|x\\right\\|^2 = \\lVert x\\rVert$ and $a \\parallel b$", marks=[NONE])
markdown("wide formula", "$$" + "+".join(f"x_{{{n}}}" for n in range(36)) + "$$", marks=[NONE])
markdown("too wide formula", "$$" + "\\cdot ".join(f"y_{{{n}}}" for n in range(130)) + "$$")
markdown(
    "array wider than any page",
    "$$\\begin{pmatrix}" + "&".join(f"w_{{1,{n}}}" for n in range(90)) + "\\end{pmatrix}$$",
    marks=["formula wider than the page, set as typed: $$\\begin{pmatrix}"],
)
markdown("brace on the right", "$\\begin{rcases}a&1\\\\b\\end{rcases}=c$", marks=[NONE])
markdown(
    "colours in formulas",
    "$\\textcolor{red}{a, \\frac{b}{c}} + {\\color{blue} d} + \\color{nonesuch}{e}$",
    marks=[NONE],
)
markdown(
    "rules of an array",
    "$$\\left[\\begin{array}{|cc|c|}\\hline 1&2&3\\\\ \\hline 4&5&6\\\\ 7&8&9\\\\ \\hline\\end{array}\\right]\\begin{array}{c}a\\\\\\hline b\\end{array}$$",
    marks=[NONE],
)
markdown(
    "macros that others build on",
    "$\\newcommand{\\q}[1]{\\langle #1\\rangle}\\newcommand{\\qq}[2]{\\q{#1}\\q{#2}}$ so $\\qq{a}{b}$",
    marks=[NONE],
)
markdown("quotes and hashes", 'is $\\text{a "q" \\#1} = "b" #$ fine', words=["fine"])
markdown("formula in a table", "| f | g |\n|--|--|\n| $\\frac{a}{b}$ | $$\\sum_i x_i$$ |", marks=[NONE])
markdown("formula in a heading", "## The loss $\\mathcal{L}$ of _W_", words=["The loss"], marks=[NONE])
markdown("formula in a link and emphasis", "[see $x$](http://x.y) **bold $y$** *$z$*", words=["see"], marks=[NONE])
markdown("spaces in dollars", "so $ x = 1 $ holds and $\ny\n$ too", marks=[NONE], words=["holds"])
markdown("money", "from $5 to $10, or \\$20 and \\$30", words=["$5", "$10", "$20"], marks=[NONE])
markdown("less than", "$a<b$ and $c>d$ and $p<q>r$", marks=[NONE])
markdown("lonely dollar", "this $ stays and `$x` too", words=["this $ stays", "$x"])
markdown("symbols with an index", "$\\bigcap_{i=1}^n A_i \\cup_k B \\odot_j C$, $$\\bigotimes_{i} V_i$$", marks=[NONE])
markdown(
    "formulas of plain TeX",
    "$\\pmatrix{a & b \\cr c & d}$ $\\fbox{words}$ $\\mathnormal{x}\\hphantom{ab}y$ $\\copyright$ $$\\cases{1 \\cr 0}$$",
    words=["words", "©"],
    marks=[NONE],
)
markdown(
    "formula beside its source",
    "`\\begin{align} a &= b + c + d + e + f + g + h + i \\\\ &= j + k + l + m + n + o \\end{align}` is\n\n"
    "\\begin{align} a &= b + c + d + e + f + g + h + i \\\\ &= j + k + l + m + n + o \\end{align}",
    marks=[NONE],
)
markdown("unclosed formula", "$$x + y\n\nnext paragraph", words=["next paragraph"])
markdown("unclosed braces", "$\\frac{a}{b$ and $x}$ end", marks=["\\frac{a}{b"], words=["end"])
markdown(
    "cases and arrays",
    "$$f=\\begin{cases}1&x>0\\\\0\\end{cases},\\begin{array}{c|c}a&b\\\\\\hline c&d\\end{array}$$",
    marks=[NONE],
)
markdown("loose rows", "$$a &= b \\\\ &= c$$", marks=[NONE])
markdown("big brackets", "$\\big( x \\Big] \\bigl| y \\Bigr\\|$ and $\\left.f\\right|_{x=0}$", marks=[NONE])
markdown("empty formula", "a $$ $$ b $$$$ c", words=["a", "b", "c"])
markdown("percent comment", "$$x % not seen\n+ y$$", marks=[NONE])
markdown("formula in a quote", "> $$\n> x = y\n> $$\n> told", words=["told"])
markdown("stars and underscores", "$a_1 * b_2 * c_3$ and $x_*^*$", marks=[NONE])
markdown("double backslash brackets", "\\\\(x^2\\\\) and \\\\[y^2\\\\]", marks=[NONE])
markdown(
    "indicator", "$\\mathbb{1}[y=k]$, $\\mathbbm{1}\\{a\\}$, $\\underset{w}{\\arg\\min}$, $\\hat{y}'$", marks=[NONE]
)
markdown(
    "environments side by side", "\\begin{equation}a\\end{equation}\n\\begin{gather*}b\\\\c\\end{gather*}", marks=[NONE]
)
markdown("long formula list", " ".join(f"$x_{{{n}}}^{n}$" for n in range(120)), marks=[NONE])
markdown("formula words", "zqmath0zq is a word, $x$ a formula", words=["zqmath0zq"], marks=[NONE])
add(
    "formula words in an output",
    code("'zqmath0zq'", bundle({"text/html": "<table><tr><td>zqmath0zq</td><td>zqdata7zq</td></tr></table>"})),
    words=["zqmath0zq", "zqdata7zq"],
    marks=[NONE],
)

# Characters
markdown("scripts of the world", "Привет мир, αβγ Ελλάδα, Zürich, Łódź, ŵ", words=["Привет", "Ελλάδα"], marks=[NONE])
markdown("han and kana", "中文字符 日本語カナ 한국어", words=[])
markdown("emoji", "😀 🚀 👩‍🔬 ❤️ ✅ 1️⃣", words=[])
markdown("right to left", "שלום and مرحبا بالعالم end", words=["end"])
markdown("bidi controls", "safe \u202egnp.exe\u202c \u2066x\u2069 end", marks=["U+202E"], words=["gnp.exe"])
markdown("no font at all", "\U000e0100 \ue123 \U0001f9ff\U00013000 end", marks=["no font has"], words=["U+E123"])
markdown("controls", "bell\x07 escape\x1b[31m null\x00 feed\x0c end\u2028line\u0085next", words=["bell"])
markdown("lone surrogate", "half \ud83d of one", words=["half"])
markdown("invisible", "zero\u200bwidth so\u00adft nb\u00a0sp \ufeffbom", words=["width"])
markdown("combining", "e\u0301 n\u0303 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤", words=[])
add(
    "characters in code",
    code("名前 = 'Привет 😀 中'  # ελ\nprint('\u202e')", stream("é 中文 ▁▂▃█ ─│┌ ✓\n")),
    marks=["U+202E"],
)

# Images
DRAWING = "<svg width='60' height='30'>\n<circle cx='15' cy='15' r='9'/>\n</svg>"
markdown("drawings by tag", f"see {DRAWING} and\n\n{DRAWING}", words=["see"], absent=["<circle"], marks=[NONE])
FILES |= {"near.png": png(), "a b.png": png(9, 9), "../outside.png": png(3, 3), "cut.png": png(40, 40, 3)}
markdown("images beside it", "![near](near.png) ![](./near.png 'title')\n\n![spaces](a%20b.png)", marks=[NONE])
markdown("missing image", "![my plot](plots/loss.png)", marks=["image not found: plots/loss.png"], words=["loss.png"])
markdown("remote image", "![](https://example.org/x.png)", marks=["remote image, not fetched"])
markdown("image far outside", "![](../../../../../../etc/hostname) ![](/etc/hostname)", marks=["image not found"])
markdown("image by tag", '<img src="near.png" width="50%" alt="t"/> <img src=gone.png>', marks=["gone.png"])
add("attachment", text("![a](attachment:a.png)", attachments={"a.png": {"image/png": PNG}}), marks=[NONE])
markdown("missing attachment", "![a](attachment:b.png)", marks=["attachment not found: b.png"])
markdown("data uri", f"![d](data:image/png;base64,{PNG})", marks=[NONE])
markdown("broken data uri", "![d](data:image/png;base64,@@@) ![e](data:image/png)", marks=["not valid base64"])
markdown("cut image", "![c](cut.png) after", words=["after"])
add(
    "image forms",
    code("p", *(bundle({f"image/{form}": b64(picture(form))}) for form in ("jpeg", "gif", "webp", "bmp"))),
)
add("svg output", code("s", bundle({"image/svg+xml": [SVG]})), marks=[NONE])
add("broken svg", code("s", bundle({"image/svg+xml": "<svg><g></svg>"})), marks=["image that cannot be read"])
add(
    "svg with remote parts",
    code(
        "s",
        bundle({"image/svg+xml": SVG.replace("<circle", '<image href="http://x/y.png" width="9" height="9"/><circle')}),
    ),
)
add(
    "png in lines",
    code("p", bundle({"image/png": [PNG[:20], "\n", PNG[20:]]}, {"image/png": {"width": 300}})),
    marks=[NONE],
)
add("bad base64", code("p", bundle({"image/png": "%%%"})), marks=["not valid base64"])
add("no image at all", code("p", bundle({"image/png": b64(b"hello")})), marks=["cannot be read"])
add("empty image", code("p", bundle({"image/png": ""})), marks=["without content"])
add("giant image", code("p", bundle({"image/png": b64(png(60000, 60000, 1))})), marks=["60000 x 60000"])
add("tall image", code("p", bundle({"image/png": b64(png(4, 3000))})), marks=[NONE])

# Outputs
add(
    "progress bar",
    code("t", stream("\r  0%|     |\r 50%|##   |\r100%|#####| 3/3\n", "stderr")),
    words=["100%|#####|"],
    absent=["50%|##"],
)
add("backspaces", code("t", stream("12345\b\b\b\b\bok\n")), words=["ok345"])
add(
    "colours",
    code(
        "t", stream("\x1b[1;31mred\x1b[0m \x1b[38;5;208mo\x1b[38;2;1;2;3mt\x1b[0m \x1b[2Kgone\x1b]0;windowname\x07\n")
    ),
    words=["red", "gone"],
    absent=["38;5", "windowname"],
)
add(
    "parts of a stream",
    code("t", stream("one "), stream(["two\n", "three"]), stream("err", "stderr"), stream("four")),
    words=["one two"],
)
add(
    "traceback",
    code(
        "1/0",
        {
            "output_type": "error",
            "ename": "ZeroDivisionError",
            "evalue": "division by zero",
            "traceback": ["\x1b[0;31mZeroDivisionError\x1b[0m: division by zero"],
        },
    ),
    words=["division by zero"],
)
add(
    "anchors in a traceback",
    code(
        "x",
        {
            "output_type": "error",
            "traceback": [
                "----> \x1b[0;32m<a href='vscode-notebook-cell:/home/u/a.ipynb#W5?line=2'>3</a>\x1b[0m x + 'zqanchor'\n"
                "   <a href='file:///home/u/m.py?line=8'>9</a> y"
            ],
        },
    ),
    words=["3 x + 'zqanchor'"],
    absent=["vscode-notebook", "file:///home"],
)
add("error without traceback", code("x", {"output_type": "error", "ename": "E", "evalue": "bad"}), words=["E: bad"])
add(
    "many lines",
    code("for", stream("".join(f"line {n}\n" for n in range(100_000)))),
    marks=["99,600 lines"],
    words=["line 0", "line 99999"],
)
add("one long line", code("x", stream("z" * 300_000)), marks=["240,000 more characters"])
add("long lines", code("x", stream(("word " * 100 + "\n") * 3 + "x" * 501)), marks=[NONE])
add(
    "pandas",
    code(
        "df",
        bundle(
            {
                "text/html": "<style>td{}</style><table border=1 class=dataframe><thead><tr><th></th><th>loss</th></tr></thead><tbody><tr><th>0</th><td>0.25</td></tr></tbody></table>",
                "text/plain": "   loss\n0  0.25",
            }
        ),
    ),
    words=["loss", "0.25"],
)
add(
    "long html table",
    code("df", bundle({"text/html": "<table>" + "".join(f"<tr><td>r{n}</td></tr>" for n in range(900)) + "</table>"})),
    marks=["800 rows"],
    words=["r0", "r899"],
)
add("html only", code("h", bundle({"text/html": "<h3>Result</h3><p>all <b>well</b></p>"})), words=["Result", "well"])
add(
    "objects",
    *(
        code("o", bundle({mime: value, "text/plain": f"<IPython.core.display.{name} object>"}))
        for mime, value, name in (
            ("text/html", "<h2>Result</h2><p>Accuracy <b>ninetyfive</b> percent</p>", "HTML"),
            ("application/json", {"jsonkey": ["jsonvalue", 1]}, "JSON"),
            ("application/javascript", "console.log('zqjs')", "Javascript"),
            ("text/html", "<iframe width='700' src='http://example.org/'></iframe>", "IFrame"),
            ("text/html", "<audio controls><source src='data:audio/wav;base64,AAAA'></audio>", "Audio"),
            ("application/vnd.plotly.v1+json", {"data": []}, "Figure"),
            ("application/vnd.vegalite.v6+json", {"data": []}, "Chart"),
        )
    ),
    marks=["iframe of http://example.org/", "here (audio)", "chart of plotly", "chart of altair"],
    words=["Accuracy ninetyfive percent", '"jsonkey"', "console.log('zqjs')"],
    absent=["display.HTML object", "display.JSON object"],
)
add(
    "latex prose",
    code(
        "l",
        bundle(
            {
                "text/latex": "The gradient is $\\frac{a}{b}$ as **derived**.",
                "text/plain": "<IPython.core.display.Latex object>",
            }
        ),
    ),
    words=["as derived."],
    marks=[NONE],
)
MATHML = "<math><mrow><mi>zqa</mi><mo>+</mo><mfrac><mn>1</mn><mi>b</mi></mfrac></mrow></math>"
add("mathml", code("h", bundle({"text/html": f"<p>so {MATHML} holds</p>"})), words=["so", "holds"], marks=[NONE])
add(
    "colab's table",
    code(
        "df",
        bundle(
            {
                "text/html": "<div><table><tr><th>val_acc</th></tr></table><button style='display:none;'><svg><path d='M1 1'/>"
                "</svg></button><p hidden>noword</p><input type='checkbox' checked> shownbox</div>"
            }
        ),
    ),
    words=["val_acc", "☒ shownbox"],
    absent=["noword"],
    marks=[NONE],
)
add(
    "video output",
    code("v", bundle({"text/html": "<video controls><source src='v.mp4'>no support</video>"})),
    words=["only a browser can show was here (video of v.mp4)"],
    absent=["no support"],
    marks=["(video of v.mp4)"],
)
markdown(
    "frames in markdown",
    "see <video src='film.mp4'></video> and <object at 0x7f>\n\n<iframe width=5 src='https://a.b/embed'></iframe>",
    words=["(video of film.mp4)", "(iframe of https://a.b/embed)", "<object at 0x7f>"],
    marks=[NONE],
)
markdown(
    "boxes",
    "<input type='checkbox' checked disabled> ticked <select><option>one</option><option>two</option></select>",
    words=["☒ ticked"],
    marks=[NONE],
)
add(
    "wide table with spans",
    code(
        "df.groupby('model').describe()",
        bundle(
            {
                "text/html": "<table><thead><tr><th></th>"
                + "".join(f"<th colspan='8'>metric_{n}</th>" for n in range(3))
                + "</tr><tr><th>model</th>"
                + "".join(f"<th>statistic_{n}</th>" for n in range(24))
                + "</tr></thead><tbody><tr><th>a</th>"
                + "".join(f"<td>{n}.123456</td>" for n in range(24))
                + "</tr></tbody></table>"
            }
        ),
    ),
    words=["metric_2", "statistic_23", "23.123456"],
    marks=[NONE],
)
add("html of a script", code("h", bundle({"text/html": "<script>var x</script>"})), marks=["only a browser"])
add("huge html", code("h", bundle({"text/html": "<p>" + "many words " * 40_000})), marks=["left out"])
add(
    "widget",
    code("w", bundle({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "IntSlider()"})),
    words=["IntSlider"],
)


def view(model: str, first: str) -> dict:
    """An output that a widget draws, with the text that it had when it was made."""
    return bundle({"application/vnd.jupyter.widget-view+json": {"model_id": model}, "text/plain": first})


def model(name: str, kind: str, **state) -> None:
    WIDGETS[name] = {"model_name": f"{kind}Model", "state": state}


def bar(name: str, left: str, value: float, right: str, **layout) -> None:
    """A bar of tqdm.notebook as it was when the notebook was saved."""
    model(f"{name}0", "HTML", value=left)
    model(f"{name}1", "FloatProgress", value=value, min=0.0, max=10.0, bar_style="success", description="")
    model(f"{name}2", "HTML", value=right)
    model(f"{name}l", "Layout", **layout)
    model(name, "HBox", children=[f"IPY_MODEL_{name}{n}" for n in range(3)], layout=f"IPY_MODEL_{name}l")


bar("zqbar", "zqepoch:\u2007100%", 10.0, "\u200710/10\u2007[00:03&lt;00:00,\u2007\u20073.05it/s]")
bar("zqfailed", "zqfailed:\u2007\u200740%", 4.0, "\u20074/10\u2007[00:01&lt;00:02]")
bar("zqwiped", "zqwiped:\u2007100%", 10.0, "\u200710/10", visibility="hidden")
model("zqslider", "IntSlider", value=3)
model("zqmixed", "VBox", children=["IPY_MODEL_zqbar", "IPY_MODEL_zqslider"])
model("zqround", "VBox", children=["IPY_MODEL_zqround", "IPY_MODEL_zqbar"])
model("zqodd", "IntProgress", value=float("nan"), max=10**400, description="zqodd")
add(
    "bars of widgets",
    *(
        code("b", view(name, f"zqfirst:   0%|          | 0/10 {name}"))
        for name in ("zqbar", "zqfailed", "zqwiped", "zqround", "zqodd")
    ),
    words=["zqepoch: 100%|██████████| 10/10 [00:03<00:00, 3.05it/s]", "zqfailed: 40%|████      | 4/10 [00:01<00:02]"],
    absent=["zqfirst: 0%| | 0/10 zqbar", "zqwiped"],
    marks=[NONE],
)
add(
    "widget of more than words",
    code("b", view("zqmixed", "VBox(zqboxed)")),
    words=["An interactive widget was here; paper cannot show it: VBox(zqboxed)"],
)
add("json", code("j", bundle({"application/json": {"a": [1, "é"]}})), words=['"a"'])
add(
    "latex output",
    code("l", bundle({"text/latex": "$\\displaystyle \\frac{a}{b}$", "text/plain": "a/b"})),
    marks=[NONE],
)
add(
    "indented latex output",
    code("l", bundle({"text/latex": "\n    \\begin{align}\n    \\text{zqone} &= 1\n    \\end{align}\n"})),
    code("l", bundle({"text/latex": "$$\n\n\\text{zqtwo} = 2\n\n$$"})),
    marks=[NONE],
    words=["zqone", "zqtwo"],
    absent=["{zqone}", "{zqtwo}"],
)
add("bad latex output", code("l", bundle({"text/latex": "$\\foo{z}$", "text/plain": "foo z"})), marks=["\\foo{z}"])
add("markdown output", code("m", bundle({"text/markdown": "# big\n**bold** $x$\n```\nopen"})), words=["bold", "open"])
add("unknown output", code("u", bundle({"application/x-strange": "?"})), marks=["kind that paper cannot show"])
add(
    "outputs without form",
    code(
        "u",
        {},
        {"output_type": "stream"},
        {"output_type": "display_data"},
        {"output_type": "execute_result", "data": {}},
        {"output_type": "stream", "text": None},
    ),
)
add("typst in output", code("t", stream('#panic() "\\" ] $ `\n')), words=['#panic() "\\" ] $ `'])
add("nulls in output", code("t", stream("a\x00b\x01c\x7f\x9bd\n")), words=["abc"])

# Code
add("long code line", code("total = " + " + ".join(f"value_{n}" for n in range(60))), marks=[NONE])
add("long token", code("x = '" + "ab" * 400 + "'"), marks=[NONE])
add("long string over lines", code('"""' + "word " * 60 + "\n  second\n" + "y" * 230 + '"""'), marks=[NONE])
add("tabs and spaces", code("if x:\n\tif y:\n\t\tpass   \n    \n\n\n# end"), words=["pass"])
add("magics", code("%%bash\n!ls -la | grep x\n%matplotlib inline\n?print"), words=["%matplotlib inline"])
add("syntax error", code("def f(:\n  'unclosed\n$$ ` \\ #"), words=["def f(:"])
add("much code", code("\n".join(f"x{n} = {n}  # remark {n}" for n in range(1500))), words=["remark 1499"])
add("code ends in a backslash", code('print("a\\\\")\n\\'), marks=[NONE])
add("another language", code('fn main() { println!("x"); }'), words=["println!"])
add("form feed", code("a = 1\x0c\nb = 2\r\nc = 3\rd = 4"), words=["c = 3"])

# Cells
add("empty cells", text(""), text("  \n "), code(""), code("", count=None), {"cell_type": "raw", "source": ""})
add("raw cell", {"cell_type": "raw", "source": "raw #text $here$", "metadata": {}}, words=["raw #text $here$"])
add("unknown cell", {"cell_type": "video", "source": "moving"}, "a bare string", None, 7, words=["moving"])
add("cell without metadata", {"cell_type": "code", "source": ["a = 1\n", "b = 2"]}, words=["b = 2"])
add(
    "odd metadata",
    code("m = 1", metadata={"tags": "pdf-ignore"}, count="three"),
    text("t", metadata=None),
    words=["m = 1"],
)
add(
    "ignored cells",
    text("secretone", metadata={"tags": ["pdf-ignore"]}),
    code("secrettwo = 1", stream("shown\n"), metadata={"tags": ["pdf-ignore-input"]}),
    words=["shown"],
    absent=["secretone", "secrettwo"],
)
add(
    "questions",
    text("### Inline question 1\nWhy $x$?", metadata={"tags": ["inline-question"], "question": "why", "points": 2}),
    text("*Your answer:*", metadata={"tags": ["inline-answer"]}),
    text("No heading here?", metadata={"tags": ["inline-question"]}),
    text("Because.", metadata={"tags": ["inline-answer"]}),
    words=["2 points", "not answered"],
)


def notebook(*cells: dict, **more) -> dict:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def as_bytes(table) -> bytes:
    return json.dumps(table).encode()


WHOLE = as_bytes(notebook(text("Words that survive"), code("kept = 1", stream("printed\n"))))
BROKEN |= {
    "empty": b"",
    "blank": b" \n\n",
    "truncated": WHOLE[:140],
    "conflict": WHOLE[:60] + b"\n<<<<<<< HEAD\n\"mine\"\n=======\n\"theirs\"\n>>>>>>> branch\n" + WHOLE[60:],
    "list": b"[1, 2, 3]",
    "number": b"3",
    "no_cells": b'{"metadata": {}, "nbformat": 4}',
    "cells_object": b'{"cells": {"a": 1}}',
    "zero_cells": as_bytes(notebook()),
    "version_3": as_bytes({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [
        {"cell_type": "heading", "level": 2, "source": "Words that survive", "metadata": {}},
        {"cell_type": "code", "input": "kept = 1", "language": "python", "collapsed": False, "metadata": {}, "prompt_number": 4,
         "outputs": [{"output_type": "pyout", "text": ["printed"], "prompt_number": 4, "metadata": {}},
                     {"output_type": "display_data", "png": PNG, "metadata": {}}]},
    ], "metadata": {}}]}),
    "version_3_bare": as_bytes({"nbformat": 3, "worksheets": [{"cells": [
        {"cell_type": "heading", "source": ["Words that survive"]},
        {"cell_type": "code", "input": ["kept = 1"], "outputs": [
            {"output_type": "stream", "stream": "stderr", "text": ["oldoutput"]}, {"output_type": "pyout", "text": ["42"]},
            {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["oldtrace"]}]},
    ]}]}),
    "version_3_broken": b'{"worksheets": 5, "nbformat": 3}',
    "version_9": as_bytes(notebook(text("Words that survive"), code("kept = 1"), nbformat=9)),
    "bare_cells": b'{"cells": [{"cell_type": "markdown", "source": "Words that survive"}, {"source": "kept = 1"}]}',
    "utf16": WHOLE.decode().encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + WHOLE,
    "latin1": WHOLE.replace(b"survive", b"survive caf\xe9"),
    "nul": WHOLE.replace(b"Words", b"\x00Words"),
    "deep": b'{"cells": ' + b"[" * 100_000,
    "page": b"<!DOCTYPE html><html><body>404: Words that survive</body></html>",
    "garbage": bytes(range(256)) * 40,
    "nan": b'{"cells": [{"cell_type": "code", "source": "kept = 1", "outputs": [], "execution_count": NaN}]}',
    "widgets": as_bytes(notebook(text("Words that survive"), code("kept = 1"), metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {}}})),
    "name with spaces & ünïcode": WHOLE,
}  # fmt: skip
UNREADABLE = ("empty", "blank", "truncated", "conflict", "list", "number", "no_cells", "cells_object", "version_3_broken", "deep", "page", "garbage")  # fmt: skip


def write(folder: Path) -> tuple[Path, list[Path]]:
    """Writes the zoo as one notebook of all awkward cells, and the broken notebooks beside it."""
    folder = folder / "zoo"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    one = folder / "awkward.ipynb"
    saved = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": WIDGETS, "version_major": 2}}}
    one.write_bytes(as_bytes(notebook(*(cell for animal in ZOO for cell in animal.cells), metadata=saved)))
    for name, content in BROKEN.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    return one, [folder / f"{name}.ipynb" for name in BROKEN]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"{len(ZOO)} awkward animals, {len(BROKEN)} broken notebooks")
