"""Carry TeX definitions from each formula of a notebook to the later ones."""

import re

from ..limits import MACRO_EXPANSIONS

DEFINITION = re.compile(
    r"\\(?P<how>newcommand|renewcommand|providecommand|def|DeclareMathOperator)\*?\s*"
    r"(?:\{\s*(?P<braced>\\[A-Za-z]+)\s*\}|(?P<bare>\\[A-Za-z]+))"
)
PARAMETERS = re.compile(r"\s*((?:#\d)*)\s*")  # matches anywhere, if only nothing


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
