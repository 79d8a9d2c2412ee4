"""The formulas and images of a notebook as definitions on lines of their own, each with what takes its place."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import images, tex
from .formulas import Formula, Formulas
from .images import ImageProblem, Images
from .literal import inline, quote
from .sheet import Sheet

UNREADABLE = "image that cannot be read"


@dataclass
class Parts:
    """Defines each formula once and each image where it is used."""

    sheet: Sheet
    formulas: Formulas
    images: Images
    used: dict[int, str] = field(default_factory=dict)

    def formula(self, number: int, cell: int) -> str:
        """The markup of a formula."""
        if number not in self.used:
            self.used[number] = self._defined(self.formulas.found[number], cell)
        return self.used[number]

    def image(self, get: Callable[[], bytes], cell: int, alternative: str, width: str, alone: bool) -> str:
        """The markup of an image, or of a red box that names it and says what is wrong."""
        try:
            expression = images.expression(self.images.keep(get()), alternative, width, alone)
        except ImageProblem as problem:
            self.sheet.mark(cell, str(problem))
            return self.sheet.define(_box(str(problem), alternative), "", "", cell)
        return self.sheet.define(expression, _box(UNREADABLE, alternative), UNREADABLE, cell)

    def _defined(self, formula: Formula, cell: int) -> str:
        if formula.empty:
            return ""
        mark = f"formula set as typed: {formula.verbatim[:120]}"
        verbatim = f"verbatim[{inline(formula.verbatim)}]"
        verbatim = f"block({verbatim})" if formula.display else verbatim
        if not formula.typst:
            self.sheet.mark(cell, mark)
            return self.sheet.define(verbatim, "", "", cell)
        return self.sheet.define(_expression(formula), verbatim, mark, cell)


def _expression(formula: Formula) -> str:
    """typst for a formula: evaluated from a string, so that its syntax cannot reach beyond it."""
    expression = f'eval({quote(formula.typst)}, mode: "markup")'
    if not formula.display:
        return expression
    breakable = str(tex.breakable(formula.typst)).lower()
    expression = f"wide({expression}, {breakable}, [{inline(formula.verbatim)}])"
    return f"tagged({quote(formula.tag)}, {expression})" if formula.tag else expression


def _box(problem: str, alternative: str) -> str:
    return f"missing({quote(f'{problem} ({alternative})' if alternative.strip() else problem)})"
