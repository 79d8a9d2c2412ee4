"""Set formulas: rewrite TeX that pandoc cannot read, have it expand macros and write typst, fix that typst."""

import html
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from ..errors import ProgramMissing
from ..limits import PANDOC_LEAST_SECONDS, PANDOC_SECONDS
from .markup import Formula
from .tree import COLOURS, HEX

GROUP = r"\{(?:[^{}\\]|\\.)*\}"
for _ in range(5):  # groups in groups
    GROUP = rf"\{{(?:[^{{}}\\]|\\.|{GROUP})*\}}"
DEFINITION = re.compile(
    rf"\\(?:(?:new|renew|provide)command|DeclareMathOperator)\*?\s*(?:\{{\s*\\[A-Za-z]+\s*\}}|\\[A-Za-z]+)"
    rf"\s*(?:\[\d\]\s*)?(?:\[[^\]]*\]\s*)?{GROUP}|\\def\s*\\[A-Za-z]+\s*(?:#\d)*\s*{GROUP}"
)
COLOURED = r"\text{zqbare=#1}#2\text{zqbare=}"
STACKED = r"\text{zqbare=scripts}\text{zqbare=limits}#2\text{zqbare=}%s{#1}\text{zqbare=}"  # to pandoc it is an index
NOTHING = (
    "notag nonumber small footnotesize scriptsize tiny large Large normalsize allowbreak nobreak noindent centering "
    "hfill smallskip medskip bigskip llap rlap mathclap smash"
)
SAME = {
    "|": r"\Vert", "lVert": r"\Vert", "rVert": r"\Vert", "hbox": r"\text", "mathbbm": r"\mathbb", "S": r"\text{§}",
    "P": r"\text{¶}", "degree": r"^\circ", "surd": r"\text{√}", "ldotp": ".", "And": r"\&",
    "varlimsup": r"\overline{\lim}", "varliminf": r"\underline{\lim}", "cfrac": r"\dfrac", "R": r"\mathbb{R}",
    "N": r"\mathbb{N}", "Z": r"\mathbb{Z}", "argmax": r"\operatorname{zqbarearg\,max}",
    "argmin": r"\operatorname{zqbarearg\,min}", "copyright": r"\text{©}",
}  # fmt: skip
FIRST = {
    "label": "", "require": "", "vspace": "", "vphantom": "", "eqref": r"\text{(#1)}", "ref": r"\text{#1}",
    "mathnormal": "#1", "hphantom": r"\phantom{#1}", "fbox": r"\boxed{\text{#1}}",
}  # fmt: skip
SECOND = {
    "href": "#2", "style": "#2", "class": "#2", "cssId": "#2", "colorbox": r"\text{#2}", "textcolor": COLOURED,
    "color": COLOURED, "underset": STACKED % "_", "overset": STACKED % "^",
}  # fmt: skip
MACROS = dict.fromkeys(NOTHING.split(), ""), SAME, FIRST, SECOND  # that pandoc does not know
PREAMBLE = [
    rf"\newcommand{{\{name}}}[{max(count, 0)}]{{{text}}}"
    for count, macros in enumerate(MACROS, -1)
    for name, text in macros.items()
]
FONTS = {
    "bf": "mathbf", "rm": "mathrm", "it": "mathit", "cal": "mathcal", "tt": "mathtt", "sf": "mathsf", "frak": "mathfrak"
}  # fmt: skip
OLD_FONT = re.compile(rf"\\({'|'.join(FONTS)})(?![A-Za-z])\s*((?:[^{{}}&\\]|\\.|{GROUP})*)")  # to the end of its group
TAG = re.compile(r"\\tag(\*?)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
INNER = r"(?:(?!\\begin|\\end).)*"  # of an environment, up to another
ARRAY = re.compile(rf"\\begin\{{(array\}}\s*(?:\[\w\])?\s*\{{([^{{}}]*)|(?:small|v|V)?matrix|[rd]?cases)\}}({INNER})")
BRACE = re.compile(
    rf"\\left\s*\\(?:\{{|lbrace)\s*\\begin\{{(?:array\}}\s*\{{[^{{}}]*|aligned|matrix)\}}({INNER})"
    r"\\end\{(?:array|aligned|matrix)\}\s*\\right\s*\."
)
BARE = "zqbare"  # begins words for pandoc that stand for what it does not know, and is taken out again
MARKED = re.compile(
    rf'\b(mat|vec)\((?:delim: "\(", )?(?:upright\()?"{BARE}-([^"]*)"\)?,?\s*|(?:upright\()?"{BARE}-[^"]*"\)?'
)
LEFT, RIGHT = r"@(!\{!, none)", r"@(none, !\}!)"  # with @ for a hash and ! for a quote
DELIMITERS = {"vmatrix": "!|!", "Vmatrix": "!‖!", "cases": LEFT, "dcases": LEFT, "rcases": RIGHT}
SYMBOLS = {
    "dot.circle": "⊙", "times.circle": "⊗", "minus.circle": "⊖", "times.circle.big": "⨂", "dot.circle.big": "⨀",
    "sect": "∩", "sect.big": "⋂", "sect.sq": "⊓", "sect.double": "⋒", "dash.circle": "⊝",
}  # fmt: skip  # pandoc's names that typst has given up
OLD_NAME = re.compile(
    rf'"(?:\\.|[^"\\])*"|\b(?:{"|".join(map(re.escape, sorted(SYMBOLS, key=len, reverse=True)))})(?![A-Za-z0-9.])'
)  # but not within words
KERN = re.compile(r"\\m?kern\s*-?[\d.]+\s*[a-z]{2}(?![a-z])|(?<=\\hspace)\*")
ENTITY = re.compile(r"&(?:lt|gt|amp);")
LAST_BREAK = re.compile(r"(?:\\\\(?:\s*\[[^\]]*\])?\s*|\\hline\s*)+(?=\\end\{(?!CD))")
PLACED = re.compile(r"(?<=\\begin\{)(aligned|gathered|split)\}\s*\[[tcb]\]")
THREE = re.compile(r"\\begin\{(eqnarray\*?|array\}\s*\{\s*rcl\s*)\}((?:(?!\\begin).)*?)\\end\{[a-z]+\*?\}")
OPERATORS = (
    "lt gt le ge ll gg ne not approx equiv sim cong propto prec succ to gets mapsto iff implies in notin ni subset "
    "supset cup cap vee wedge lor land times cdot div pm mp oplus otimes odot circ ast mid perp mathrel mathbin vdots "
    "quad qquad"
)
OPERATOR = re.compile(
    r"(?:[\s{}=<>:+*/~≤≥≠≈→⇒∈-]|\\[,;:!> ]|"
    rf"\\(?:stackrel|(?:over|under)set)\s*{GROUP}|\\(?:{'|'.join(OPERATORS.split())}|\w*(?:arrow|eqq?|eqslant))(?![A-Za-z]))+"
)
BEST = re.compile(rf"(\\underset\s*{GROUP})\s*\{{\s*\\arg\s*\\(max|min)\s*\}}")  # one name, not two side by side
PLAIN = re.compile(rf"\\(p?matrix|cases)\s*\{{((?:[^{{}}\\]|\\.|{GROUP})*)\}}")
MIDDLE = re.compile(r"&((?:(?!\\\\)[^&])*)&")  # a column between two others
OVER = re.compile(r"\{([^{}]*)\\over(?![a-z])([^{}]*)\}|^([^{}]*)\\over(?![a-z])([^{}]*)$")
STRING = re.compile(r'(\b(?!limits\()\w+\(|delim: )?"((?:\\.|[^"\\])*)"')
SCALED = re.compile(r"#scale\(x: (\d+)%, y: \d+%\)\[((?:\\.|[^\[\]\\])+|[\[\]])\]")
NORM = re.compile(r"(?<!lr\()(?<!stretch\()\bbar\.v\.double(?![A-Za-z.]|\s*\))")
COLOUR = re.compile(rf'upright\("{BARE}=([^"]*)"\)(?:\s+(?!\$))?')  # a space before the last dollar makes a display
PANDOC = "-f markdown_strict+latex_macros+raw_tex+tex_math_double_backslash -t typst --wrap=preserve"
TYPST_TOKEN = re.compile(r'\\.|"(?:\\.|[^"\\])*"|.', re.DOTALL)
OPENING, CLOSING = set("([{"), set(")]}")


def typeset_formulas(groups: list[list[Formula]]) -> None:
    """Fill in the typst of the formulas of some notebooks, in one run; a macro holds from its definition on."""
    waiting: list[Formula] = []
    paragraphs: list[tuple[list[str], str]] = []
    definitions: list[str] = [*PREAMBLE]
    for formula in (formula for formulas in groups for formula in formulas):
        tex = re.sub(r"(?<!\\)%[^\n]*", "", formula.tex)
        definitions += DEFINITION.findall(tex)
        text, formula.tag = split_tag(clean(DEFINITION.sub("", tex)))
        if text.strip():
            waiting.append(formula)
            paragraphs.append((definitions, rf"\\[{text}\\]" if formula.display else rf"\\({text}\\)"))
            definitions = []
        formula.empty = bool(formula.tex.strip()) and not text.strip()
    for formula, result in zip(waiting, _convert(paragraphs) if paragraphs else ()):
        formula.typst = clean_typst(result) if result else ""


@cache
def _find_pandoc() -> str:
    """Return the path of pandoc. Raise ProgramMissing where it is not installed."""
    package = find_spec("pypandoc")  # not imported: it would load what downloads pandoc
    folder = str(Path(package.origin).parent / "files") if package and package.origin else ""
    found = shutil.which("pandoc", path=folder) or shutil.which("pandoc")
    if not found:
        raise ProgramMissing("pandoc is missing; install it with: pip install pypandoc_binary")
    return found


def _run(options: str, text: str, seconds: float) -> str:
    """Return what pandoc makes of a text; nothing where it fails."""
    command = [_find_pandoc(), "--sandbox", "--quiet", *options.split()]
    try:
        run = subprocess.run(command, input=text, encoding="utf-8", capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return ""
    return run.stdout.strip("\n") if run.returncode == 0 else ""


def read_mathml(source: str) -> str:
    """Return the TeX of a formula in MathML; nothing where pandoc cannot read it."""
    return _run("-f html -t latex", source, PANDOC_LEAST_SECONDS).removeprefix(r"\(").removesuffix(r"\)")


def _convert(
    paragraphs: Sequence[tuple[list[str], str]], before: Sequence[str] = (), seconds: float = PANDOC_SECONDS
) -> list[str | None]:
    """Return the typst of each formula that stands after its macros; None where pandoc cannot read it.

    Where a run of all fails, there is one for each half; macros hold for all formulas that follow.
    """
    text = "\n\n".join([*before, *(part for macros, formula in paragraphs for part in (*macros, formula))])
    found = _run(PANDOC, text, seconds).split("\n\n")
    if len(found) == len(paragraphs):
        return [part if part.startswith("$") else None for part in found]
    half, less = len(paragraphs) // 2, max(seconds / 2, PANDOC_LEAST_SECONDS)
    if not half:
        return [None]
    defined = [macro for macros, _ in paragraphs[:half] for macro in macros]
    return _convert(paragraphs[:half], before, less) + _convert(paragraphs[half:], [*before, *defined], less)


def split_tag(tex: str) -> tuple[str, str]:
    r"""Return a formula without its one `\tag`, and that tag; several tags stay in their rows as text."""
    tags = TAG.findall(tex)
    if len(tags) == 1:
        star, text = tags[0]
        return TAG.sub("", tex), text if star else f"({text})"
    return TAG.sub(lambda found: rf"\qquad\text{{{found[2] if found[1] else f'({found[2]})'}}}", tex), ""


def clean(tex: str) -> str:
    """Return TeX as pandoc can read it: without old fonts, bare arrays and loose rows."""
    tex = re.sub(r"\s*\n\s*", " ", tex).strip()
    tex += " " * tex.endswith("\\")  # a space after a backslash is a command
    tex = PLACED.sub(r"\1}", LAST_BREAK.sub("", ENTITY.sub(lambda found: html.unescape(found[0]), tex)))
    tex = re.sub(r"\\cr(?![A-Za-z])", r"\\\\", PLAIN.sub(r"\\begin{\1}\2\\end{\1}", tex))
    tex = BEST.sub(r"\1{\\arg\2}", THREE.sub(_align, tex))
    tex = KERN.sub("", tex).replace(r"\newline", r"\\").replace('"', "''")
    tex = OVER.sub(lambda found: rf"\frac{{{found[1] or found[3]}}}{{{found[2] or found[4]}}}", tex)
    tex = re.sub(r"\\x(\w+arrow)\s*(\{[^{}]*\})", r"\\overset\2{\\\1}", tex)
    while (shorter := OLD_FONT.sub(lambda found: rf"\{FONTS[found[1]]}{{{found[2]}}}", tex)) != tex:
        tex = shorter
    tex = re.sub(r"(?<!\\)#", r"\\#", tex).replace(r"\operatorname*{", rf"\operatorname{{{BARE}")
    tex = BRACE.sub(r"\\begin{cases}\1\\end{cases}", tex)
    tex = ARRAY.sub(_mark_array, tex).replace(r"\hline", "")
    tex = re.sub(r"\\end\{(?:array|(?:small|v|V)?matrix|[rd]?cases)\}", r"\\end{pmatrix}", tex)
    tex = tex.replace(r"\\)", r"\\ )").replace(r"\\]", r"\\ ]")
    return rf"\begin{{aligned}}{tex}\end{{aligned}}" if tex.strip() else ""  # for rows outside any environment


def _align(found: re.Match[str]) -> str:
    """Return three columns as an equation; an array as it is where it has a rule or more than operators in between."""
    middle = " ".join(row.split("&")[1] for row in found[2].split(r"\\") if "&" in row).strip()
    if found[1].startswith("array") and (r"\hline" in found[2] or not OPERATOR.fullmatch(middle)):
        return found[0]
    return r"\begin{aligned}" + MIDDLE.sub(r"&\1", found[2]) + r"\end{aligned}"


def _mark_array(found: re.Match[str]) -> str:
    """Return an array as one that pandoc sets well, marked with the arguments of typst for what it should be."""
    name, columns, body = found[1], re.sub(r"[^lcr|]", "", found[2] or ""), found[3]
    sides = {"l"} if name.endswith("cases") else set(columns) - {"|"}
    side = {"l": "align: @left, ", "r": "align: @right, "}.get(sides.pop(), "") if len(sides) == 1 else ""
    vertical = list(accumulate(map(len, columns.split("|"))))
    horizontal = list(accumulate(part.count(r"\\") for part in body.split(r"\hline")))
    rules = [at for at in vertical[:-1] if 0 < at < vertical[-1]], [at for at in horizontal[:-1] if at]
    lines = [f"{name}: ({''.join(f'{at},' for at in ats)})" for name, ats in zip(("vline", "hline"), rules) if ats]
    augment = f"augment: @({', '.join(lines)}), " if lines else ""
    gap = "column-gap: @1em, " if name.endswith("cases") else ""
    return rf"\begin{{pmatrix}}\text{{{BARE}-delim: {DELIMITERS.get(name, '@none')}, {side}{augment}{gap}}}{body}"


def clean_typst(text: str) -> str:
    """Return pandoc's typst with its spaces, norms, matrices and columns fixed."""
    text = text.strip().replace("#h(-1em)", "#h(-0.17em)").replace("#h(0em)", "thick")
    text = MARKED.sub(_mark_off, text)
    text = SCALED.sub(_stretch, text)
    text = NORM.sub(' class("normal", bar.v.double)', text)
    text = OLD_NAME.sub(lambda found: SYMBOLS.get(found[0], found[0]), text)
    text = COLOUR.sub(_colour, text)
    return _spread_columns(_space_words(text))


def _mark_off(found: re.Match[str]) -> str:
    """Return what a marked array begins with."""
    arguments = found[2].replace("@", "#").replace("!", '"') if found[1] else ""
    if found[1] == "vec":
        arguments = re.sub(r"(augment|column-gap): .*", "", arguments)
    return f"{found[1]}({arguments}" if found[1] else ""


def _colour(found: re.Match[str]) -> str:
    """Return the beginning or the end of a function's argument; a colour is black where it has no name."""
    if found[1] in ("limits", "scripts"):
        return f"{found[1]}("
    colour = COLOURS.get(found[1].lower(), found[1])
    return f'text(fill: #rgb("{colour if HEX.fullmatch(colour) else "#000000"}"), ' if found[1] else ")"


def _stretch(found: re.Match[str]) -> str:
    """Return a bracket or a bar as large as it should be, without regard to what it encloses."""
    size, what = f"size: #{found[1]}%", found[2].strip()
    if what in (r"\|", "bar.v.double"):
        return f' class("normal", stretch({what.replace(chr(92) + "|", "bar.v")}, {size}))'
    return f"stretch({chr(92) * (what in tuple('[](){}'))}{what}, {size})"


def _space_words(text: str) -> str:
    """Make operators of bare words, and take out pandoc's spaces beside words, which typst would print."""
    text = re.sub(rf'"{BARE}([^"]*)"', r'op("\1", limits: #true)', text)
    text = STRING.sub(lambda found: found[0] if found[1] or len(found[2]) < 2 else f'op("{found[2]}")', text)
    text = re.sub(r'((?:(?:upright|op|bold)\()?"(?:\\.|[^"\\])*"(?:, limits: #true)?\)?) (?=\\[(\[])', r"\1", text)
    text = re.sub(r'(?<=[\w)] upright\(") ', "", text)
    return re.sub(r'(upright\("(?:\\.|[^"\\])* "\)) ', r"\1", text)


def _spread_columns(text: str) -> str:
    """Add a wide space before each new pair of columns of an align, and set bars without space."""
    result, column, depth = "", 0, 0
    for token in TYPST_TOKEN.findall(text):
        depth = max(0, depth + (token in OPENING) - (token in CLOSING))
        if token == "\\|":
            token = ' class("normal", bar.v)'  # TeX leaves no space beside it
        elif token == "\\\n":
            column = 0
        elif token == "&" and not depth:
            column += 1
            token = "& #h(2em)" if column % 2 == 0 else "&"
        result += token
    return result
