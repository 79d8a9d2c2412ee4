"""Define a notebook's formulas and images on lines of their own, each with its fallback."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import images, tex
from .formulas import Formula, Formulas
from .images import ImageProblem, Images
from .literal import inline, quote
from .source_map import SourceMap

UNREADABLE = "image that cannot be read"


@dataclass
class Definitions:
    """Defines each formula once and each image where it is used."""

    source_map: SourceMap
    formulas: Formulas
    images: Images
    used: dict[int, str] = field(default_factory=dict)

    def formula(self, number: int, cell: int) -> str:
        """Return the markup of a formula."""
        if number not in self.used:
            self.used[number] = self._define(self.formulas.found[number], cell)
        return self.used[number]

    def image(self, get: Callable[[], bytes], cell: int, alternative: str, width: str, alone: bool) -> str:
        """Return the markup of an image, or of a red box that names it and says what is wrong."""
        try:
            expression = images.write_image(self.images.keep(get()), alternative, width, alone)
        except ImageProblem as problem:
            self.source_map.degrade(cell, str(problem))
            return self.source_map.define(_write_box(str(problem), alternative), "", "", cell)
        return self.source_map.define(expression, _write_box(UNREADABLE, alternative), UNREADABLE, cell)

    def _define(self, formula: Formula, cell: int) -> str:
        if formula.empty:
            return ""
        degradation = f"formula set as typed: {formula.verbatim[:120]}"
        verbatim = f"verbatim[{inline(formula.verbatim)}]"
        verbatim = f"block({verbatim})" if formula.display else verbatim
        if not formula.typst:
            self.source_map.degrade(cell, degradation)
            return self.source_map.define(verbatim, "", "", cell)
        return self.source_map.define(_write_formula(formula), verbatim, degradation, cell)


def _write_formula(formula: Formula) -> str:
    """Return typst for a formula: evaluated from a string, so that its syntax cannot reach beyond it."""
    expression = f'eval({quote(formula.typst)}, mode: "markup")'
    if not formula.display:
        return expression
    breakable = str(tex.is_breakable(formula.typst)).lower()
    expression = f"wide({expression}, {breakable}, [{inline(formula.verbatim)}])"
    return f"tagged({quote(formula.tag)}, {expression})" if formula.tag else expression


def _write_box(problem: str, alternative: str) -> str:
    return f"missing({quote(f'{problem} ({alternative})' if alternative.strip() else problem)})"
