"""Find the formulas of a Markdown text as Jupyter does, before anything reads it as Markdown."""

import re
from dataclasses import dataclass, field

PIECE = re.compile(
    r"""
    (?P<skip>
        ^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ \t>]*(?P=fence)[`~]*[ \t]*$|.*\Z) # a fenced block
      | (?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)                # a code span
      | <!--.*?-->
      | </?[A-Za-z][^<>\n]*>
      | (?<!\\)\\\$
      | \]\([^()\s]*\) # a link's target
    )
  | (?P<display>\$\$(?P<display_tex>(?:\\.|(?!\n[ \t]*\n|\$\$|`).)+?)\$\$)
  | (?P<inline>\$(?!\$)(?P<inline_tex>(?:\\.|(?!\n[ \t]*\n)[^$\\`])+?)\$(?!\d))
  | (?P<environment>\\begin\{(?P<name>[A-Za-z]+\*?)\}.*?\\end\{(?P=name)\})
  | (?P<round>\\\\\((?P<round_tex>(?:(?!\n[ \t]*\n).)+?)\\\\\))
  | (?P<square>\\\\\[(?P<square_tex>(?:(?!\n[ \t]*\n).)+?)\\\\\])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
SOLITARY = ("equation", "align", "alignat", "gather", "multline", "eqnarray", "flalign", "math", "displaymath")


@dataclass
class Formula:
    """One formula: its TeX, whether it stands alone, its cell and, once set, its typst and its number."""

    tex: str
    display: bool
    cell: int
    typst: str = ""
    tag: str = ""
    source: str = ""
    empty: bool = False  # it only defines macros

    @property
    def verbatim(self) -> str:
        return self.source or (f"$${self.tex}$$" if self.display else f"${self.tex}$")


@dataclass
class Formulas:
    """The formulas of a notebook; in texts that pandoc reads, a placeholder stands for each."""

    found: list[Formula] = field(default_factory=list)
    prefix: str = "zqmath"

    @property
    def word(self) -> re.Pattern[str]:
        return re.compile(rf"{self.prefix}(\d+)zq")

    def add(self, tex: str, display: bool, cell: int, source: str = "") -> str:
        """Keep a formula and return its placeholder."""
        self.found.append(Formula(tex, display, cell, source=source))
        return f"{self.prefix}{len(self.found) - 1}zq"

    def extract(self, text: str, cell: int) -> str:
        """Return the text with a placeholder for each formula."""

        def replace(found: re.Match[str]) -> str:
            if found["skip"] is not None:
                return found[0]
            for kind in ("display", "inline", "round", "square"):
                if found[kind] is not None:
                    tex = re.sub(r"\n[ \t]*>[ \t]?", "\n", found[f"{kind}_tex"])  # a quote around it
                    return self.add(tex, kind in ("display", "square"), cell, found[0])
            display = found["name"].rstrip("*") in SOLITARY
            return self.add(found[0], display, cell, found[0])

        return PIECE.sub(replace, text)

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of the formulas in a text."""
        return [int(number) for number in self.word.findall(text)]

    def restore(self, text: str) -> str:
        """Return the text with the source of its formulas, where no formula can stand."""
        return self.word.sub(lambda found: self.found[int(found[1])].verbatim, text)


def choose_prefix(texts: list[str]) -> str:
    """Return a prefix for the placeholders that none of the texts holds."""
    prefix = "zqmath"
    while any(prefix in text for text in texts):
        prefix += "q"
    return prefix
