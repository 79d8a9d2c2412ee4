"""Set formulas: carry macros along, rewrite TeX that pandoc cannot read, fix its typst."""

import re

from ..limits import MACRO_EXPANSIONS
from . import pandoc
from .markup import Formula

FONTS = {
    "bf": "mathbf", "rm": "mathrm", "it": "mathit", "cal": "mathcal", "tt": "mathtt", "sf": "mathsf", "frak": "mathfrak"
}  # fmt: skip
DROPPED = re.compile(
    r"\\(?:notag|nonumber|limits|nolimits|displaylimits|small|footnotesize|scriptsize|tiny|large|Large|normalsize"
    r"|allowbreak|nobreak|noindent|centering|hfill|smallskip|medskip|bigskip)(?![A-Za-z])"
)
DROPPED_WITH_ARGUMENT = re.compile(r"\\(?:label|require|vspace|vphantom)\*?\s*\{[^{}]*\}")
UNWRAPPED = re.compile(r"\\(?:textcolor|href|style|class|cssId)\s*\{[^{}]*\}\s*(?=\{)")
REFERENCE = re.compile(r"\\(eq)?ref\s*\{([^{}]*)\}")
TAG = re.compile(r"\\tag(\*?)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
MATRIX = re.compile(r"\\begin\{(array\}\s*(?:\[\w\])?\s*\{([^{}]*)|(?:small)?matrix|[vV]matrix)\}")
BRACE = re.compile(
    r"\\left\s*\\(?:\{|lbrace)\s*\\begin\{(?:array\}\s*\{[^{}]*|aligned|matrix)\}((?:(?!\\begin|\\end).)*)"
    r"\\end\{(?:array|aligned|matrix)\}\s*\\right\s*\."
)
CASES = re.compile(r"(\\begin\{cases\}(?:(?!\\begin|\\end|\\\\).)*)((?:(?!\\begin|\\end).)*\\end\{cases\})")
BARE = "zqbare"  # begins the first cell of what pandoc would set with other delimiters, and is taken out again
MARKED = re.compile(
    rf'\b(mat|vec)\((?:delim: "\(", )?(?:upright\()?"{BARE}([nvV])([lcr])"\)?,?\s*|(?:upright\()?"{BARE}\w\w"\)?'
)
DELIMITERS = {"n": "#none", "v": '"|"', "V": '"‖"'}
RENAMED = {
    r"\hbox": r"\mbox", r"\mathbbm": r"\mathbb", r"\mathds": r"\mathbb", r"\argmax": r"\operatorname*{arg\,max}",
    r"\argmin": r"\operatorname*{arg\,min}", r"\newline": r"\\", r"\|": r"\Vert ", r"\lVert": r"\Vert ",
    r"\rVert": r"\Vert ", r"\S": r"\text{§}", r"\P": r"\text{¶}", r"\degree": r"^\circ ", r"\surd": r"\text{√}",
    r"\ldotp": ".", r"\And": r"\&", r"\varlimsup": r"\overline{\lim}", r"\varliminf": r"\underline{\lim}",
    r"\cfrac": r"\dfrac", r"\R": r"\mathbb{R}", r"\N": r"\mathbb{N}", r"\Z": r"\mathbb{Z}",
    r"\llap": "", r"\rlap": "", r"\mathclap": "", r"\smash": "",
}  # fmt: skip
ALWAYS = (r"\|", r"\lVert", r"\rVert", r"\hbox")
SYMBOLS = {
    "dot.circle": "⊙", "times.circle": "⊗", "minus.circle": "⊖", "times.circle.big": "⨂", "dot.circle.big": "⨀",
    "sect": "∩", "sect.big": "⋂", "sect.sq": "⊓", "sect.double": "⋒", "dash.circle": "⊝",
}  # fmt: skip  # pandoc's names that typst has given up
OLD_NAME = re.compile(
    rf'"(?:\\.|[^"\\])*"|\b(?:{"|".join(map(re.escape, sorted(SYMBOLS, key=len, reverse=True)))})(?![\w.])'
)  # but not within words
KERN = re.compile(r"\\m?kern\s*-?[\d.]+\s*[a-z]{2}(?![a-z])|(?<=\\hspace)\*")
OVER = re.compile(r"\{([^{}]*)\\over(?![a-z])([^{}]*)\}|^([^{}]*)\\over(?![a-z])([^{}]*)$")
STRING = re.compile(r'(\w+\(|delim: )?"((?:\\.|[^"\\])*)"')
SCALED = re.compile(r"#scale\(x: (\d+)%, y: \d+%\)\[((?:\\.|[^\[\]\\])+|[\[\]])\]")
NORM = re.compile(r"(?<!lr\()(?<!stretch\()\bbar\.v\.double(?![A-Za-z.]|\s*\))")
TYPST_TOKEN = re.compile(r'cases\(delim: "\{"|\\.|"(?:\\.|[^"\\])*"|.', re.DOTALL)
NAME = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
DEFINITION = re.compile(
    r"\\(?P<how>newcommand|renewcommand|providecommand|def|DeclareMathOperator)\*?\s*"
    r"(?:\{\s*(?P<braced>\\[A-Za-z]+)\s*\}|(?P<bare>\\[A-Za-z]+))"
)
PARAMETERS = re.compile(r"\s*((?:#\d)*)\s*")  # matches anywhere, if only nothing


def typeset(groups: list[list[Formula]]) -> None:
    """Fill in the typst of the formulas of some notebooks, in at most two runs; macros hold within each."""
    prepared: list[tuple[Formula, str]] = []
    for formulas in groups:
        macros = Macros()
        for formula in formulas:
            text = clean(macros.apply(re.sub(r"(?<!\\)%[^\n]*", "", formula.tex)))
            text, formula.tag = split_tag(text)
            if text.strip():
                prepared.append((formula, text))
            else:
                formula.empty = bool(formula.tex.strip())
    _try(prepared)
    _try([(formula, repair(text)) for formula, text in prepared if not formula.typst])


def _try(prepared: list[tuple[Formula, str]]) -> None:
    results = pandoc.convert_formulas([(text, formula.display) for formula, text in prepared])
    for (formula, _), result in zip(prepared, results):
        formula.typst = clean_typst(result) if result else ""


def split_tag(tex: str) -> tuple[str, str]:
    r"""Return a formula without its one `\tag`, and that tag; several tags stay in their rows as text."""
    tags = TAG.findall(tex)
    if len(tags) == 1:
        star, text = tags[0]
        return TAG.sub("", tex), text if star else f"({text})"
    return TAG.sub(lambda found: rf"\qquad\text{{{found[2] if found[1] else f'({found[2]})'}}}", tex), ""


def clean(tex: str) -> str:
    """Make changes that are safe for every formula: drop comments, labels and sizes, rename old commands."""
    tex = re.sub(r"(?<!\\)%[^\n]*", "", tex)
    tex = re.sub(r"\s*\n\s*", " ", tex).strip()
    tex += " " * tex.endswith("\\")  # a space after a backslash is a command
    tex = DROPPED_WITH_ARGUMENT.sub("", tex)
    tex = REFERENCE.sub(lambda found: rf"\text{{({found[2]})}}" if found[1] else rf"\text{{{found[2]}}}", tex)
    tex = BRACE.sub(r"\\begin{cases}\1\\end{cases}", tex).replace("{dcases}", "{cases}")
    tex = MATRIX.sub(_mark_matrix, tex).replace(r"\hline", "")
    tex = re.sub(r"\\end\{(?:array|(?:small|v|V)?matrix)\}", r"\\end{pmatrix}", tex)
    tex = CASES.sub(lambda found: f"{found[1]}&{found[2]}" if "&" not in found[0] else found[0], tex)
    tex = tex.replace(r"\operatorname*{", rf"\operatorname{{{BARE}")
    return NAME.sub(lambda found: RENAMED[found[0]] if found[0] in ALWAYS else found[0], tex)


def _mark_matrix(found: re.Match[str]) -> str:
    """Return how a matrix that pandoc sets well begins, marked with the delimiter and alignment it should have."""
    kind = {"vmatrix": "v", "Vmatrix": "V"}.get(found[1], "n")
    sides = set(found[2] or "c") & set("lcr")
    side = sides.pop() if len(sides) == 1 else "c"
    return rf"\begin{{pmatrix}}\text{{{BARE}{kind}{side}}}"


def repair(tex: str) -> str:
    """Rewrite a formula that pandoc refused, for a second try."""
    tex = KERN.sub("", DROPPED.sub("", tex))
    tex = OVER.sub(lambda found: rf"\frac{{{found[1] or found[3]}}}{{{found[2] or found[4]}}}", tex)
    tex = re.sub(r"\\f?colorbox\s*\{[^{}]*\}(?=\s*\{)", r"\\text", tex)
    tex = re.sub(r"\\x(\w+arrow)\s*(\{[^{}]*\})", r"\\overset\2{\\\1}", tex)
    while (shorter := UNWRAPPED.sub("", tex)) != tex:
        tex = shorter
    tex = re.sub(r"\\unicode\s*\{x([0-9A-Fa-f]{1,6})\}", lambda found: chr(int(found[1], 16) % 0x110000), tex)
    tex = NAME.sub(lambda found: RENAMED.get(found[0], found[0]), tex)
    tex = _wrap_fonts(tex).replace('"', "''")
    tex = re.sub(r"(?<!\\)#", r"\\#", tex)
    return rf"\begin{{aligned}}{tex}\end{{aligned}}" if _has_loose_rows(tex) else tex


def clean_typst(text: str) -> str:
    """Return pandoc's typst without its labels and with its spaces, norms, matrices and columns fixed."""
    text = re.sub(r"\$\s*<[^<>$]*>\s*$", "$", text.strip())
    text = text.replace("#h(-1em)", "#h(-0.17em)").replace("#h(0em)", "thick")
    text = MARKED.sub(_mark_off, text)
    text = SCALED.sub(_stretch, text)
    text = NORM.sub(' class("normal", bar.v.double)', text)
    text = OLD_NAME.sub(lambda found: SYMBOLS.get(found[0], found[0]), text)
    text = _space_words(text)
    return _spread_columns(text)


def _stretch(found: re.Match[str]) -> str:
    """Return a bracket or a bar as large as it should be, without regard to what it encloses."""
    size, what = f"size: #{found[1]}%", found[2].strip()
    if what in (r"\|", "bar.v.double"):
        return f' class("normal", stretch({what.replace(chr(92) + "|", "bar.v")}, {size}))'
    return f"stretch({chr(92) * (what in tuple('[](){}'))}{what}, {size})"


def _mark_off(found: re.Match[str]) -> str:
    """Return what a marked matrix begins with."""
    side = {"l": "align: #left, ", "r": "align: #right, "}.get(found[3], "")
    return f"{found[1]}(delim: {DELIMITERS[found[2]]}, {side}" if found[1] else ""


def _space_words(text: str) -> str:
    """Make operators of bare words, and take out pandoc's spaces beside words, which typst would print."""
    text = re.sub(rf'"{BARE}([^"]*)"', r'op("\1", limits: #true)', text)
    text = STRING.sub(lambda found: found[0] if found[1] or len(found[2]) < 2 else f'op("{found[2]}")', text)
    text = re.sub(r'((?:upright|op)\("(?:\\.|[^"\\])*"(?:, limits: #true)?\)) (?=\\\()', r"\1", text)
    text = re.sub(r'(?<=[\w)] upright\(") ', "", text)
    return re.sub(r'(upright\("(?:\\.|[^"\\])* "\)) ', r"\1", text)


def _spread_columns(text: str) -> str:
    """Add a wide space before each new pair of columns of an align, and between the columns of cases."""
    open_brackets: list[str] = []
    result, column = "", 0
    for token in TYPST_TOKEN.findall(text):
        if token.startswith("cases(") or token in ("(", "[", "{"):
            open_brackets.append(token)
        elif token in (")", "]", "}") and open_brackets:
            open_brackets.pop()
        elif token == "\\|":
            token = ' class("normal", bar.v)'  # TeX leaves no space beside it
        elif token == "\\\n":
            column = 0
        elif open_brackets and open_brackets[-1].startswith("cases("):
            token = {"&": "& quad &", ",": ", &"}.get(token, token)
        elif token == "&" and not open_brackets:
            column += 1
            token = "& #h(2em)" if column % 2 == 0 else "&"
        result += token
    return result


def _wrap_fonts(tex: str) -> str:
    r"""Rewrite `{\bf x}` as `{\mathbf{x}}`: the switch holds to the end of its group."""
    pattern = re.compile(rf"\\({'|'.join(FONTS)})(?![A-Za-z])\s*")
    for _ in range(200):
        found = pattern.search(tex)
        if not found:
            return tex
        end, depth = found.end(), 0
        while end < len(tex):
            if tex[end] == "\\":
                end += 1
            elif tex[end] == "{":
                depth += 1
            elif (tex[end] == "}" and (depth := depth - 1) < 0) or (tex[end] == "&" and not depth):
                break
            end += 1
        tex = rf"{tex[: found.start()]}\{FONTS[found[1]]}{{{tex[found.end() : end]}}}{tex[end:]}"
    return tex


def _has_loose_rows(tex: str) -> bool:
    r"""Return whether `\\` or `&` stands outside every environment and group."""
    tex = re.sub(r"\\\\|\\[{}&]", lambda found: found[0] if found[0] == r"\\" else "", tex)
    for inner in (r"\{[^{}]*\}", r"\\begin(?:(?!\\begin|\\end).)*\\end"):
        while (shorter := re.sub(inner, "", tex)) != tex:
            tex = shorter
    return bool(re.search(r"\\\\|&", tex))


class Macros:
    r"""Definitions made so far with `\newcommand`, `\def` and `\DeclareMathOperator`."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, str | None, str]] = {}

    def apply(self, tex: str) -> str:
        """Return the formula without its definitions and with all known macros expanded."""
        return self._expand(self._absorb(tex))

    def _absorb(self, tex: str) -> str:
        result, position = "", 0
        while found := DEFINITION.search(tex, position):
            result += tex[position : found.start()]
            end = self._define(tex, found)
            if end is None:
                result, position = result + found[0], found.end()
            else:
                position = end
        return result + tex[position:]

    def _define(self, tex: str, found: re.Match[str]) -> int | None:
        """Learn one definition and return where it ends; None where it is none."""
        at, count, default = found.end(), 0, None
        if found["how"] == "def" and (parameters := PARAMETERS.match(tex, at)):
            count, at = parameters[1].count("#"), parameters.end()
        elif number := re.compile(r"\s*\[(\d)\]\s*(?:\[([^\]]*)\])?").match(tex, at):
            count, default, at = int(number[1]), number[2], number.end()
        body = read_argument(tex, at)
        if body is None:
            return None
        text = rf"\operatorname{{{body[0]}}}" if found["how"] == "DeclareMathOperator" else body[0]
        self.known[found["braced"] or found["bare"]] = (count, default, text)
        return body[1]

    def _expand(self, tex: str) -> str:
        if not self.known:
            return tex
        names = "|".join(re.escape(name[1:]) for name in sorted(self.known, key=len, reverse=True))
        pattern = re.compile(rf"\\(?:{names})(?![A-Za-z])")
        for _ in range(MACRO_EXPANSIONS):
            found = pattern.search(tex)
            if not found or len(tex) > 100_000:
                break
            count, default, body = self.known[found[0]]
            at, arguments = found.end(), []
            if default is not None and count:
                given = re.compile(r"\s*\[([^\]]*)\]").match(tex, at)
                arguments.append(given[1] if given else default)
                at = given.end() if given else at
            while len(arguments) < count and (argument := read_argument(tex, at)):
                arguments.append(argument[0])
                at = argument[1]
            value = re.sub(r"#(\d)", lambda part: (["", *arguments] + [""] * 9)[int(part[1])], body)
            tex = f"{tex[: found.start()]}{{{value}}}{tex[at:]}" if count else _put(tex, found, value)
        return tex


def read_argument(tex: str, at: int) -> tuple[str, int] | None:
    """Return the argument that begins at `at`, braced or one token, and its end; None where there is none."""
    while at < len(tex) and tex[at].isspace():
        at += 1
    if at >= len(tex):
        return None
    if tex[at] != "{":
        token = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL).match(tex, at)
        return (token[0], token.end()) if token else None
    depth, position = 0, at
    while position < len(tex):
        if tex[position] == "\\":
            position += 1
        elif tex[position] in "{}":
            depth += 1 if tex[position] == "{" else -1
            if not depth:
                return tex[at + 1 : position], position + 1
        position += 1
    return None


def _put(tex: str, found: re.Match[str], value: str) -> str:
    r"""Put a macro without arguments in bare: `{\big(}` and the like would lose their meaning."""
    gap = " " if re.search(r"\\[A-Za-z]+$", value) and tex[found.end() : found.end() + 1].isalpha() else ""
    return f"{tex[: found.start()]}{value}{gap}{tex[found.end() :]}"
