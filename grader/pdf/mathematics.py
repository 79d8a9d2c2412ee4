"""Set a notebook's formulas: macros, tags, a second try, and verbatim where nothing helps."""

import re

from . import pandoc, tex
from .formulas import Formula
from .macros import Macros


def typeset(found: list[Formula]) -> None:
    """Fill in the typst of every formula that pandoc can read, in at most two runs."""
    macros = Macros()
    prepared: dict[int, str] = {}
    for formula in found:
        text = tex.clean(macros.apply(re.sub(r"(?<!\\)%[^\n]*", "", formula.tex)))
        text, formula.tag = tex.split_tag(text)
        if text.strip():
            prepared[id(formula)] = text
        else:
            formula.empty = bool(formula.tex.strip())
    first = [formula for formula in found if id(formula) in prepared]
    _try(first, [prepared[id(formula)] for formula in first])
    again = [formula for formula in first if not formula.typst]
    _try(again, [tex.repair(prepared[id(formula)]) for formula in again])


def _try(formulas: list[Formula], texts: list[str]) -> None:
    results = pandoc.convert_formulas([(text, formula.display) for text, formula in zip(texts, formulas)])
    for formula, result in zip(formulas, results):
        formula.typst = tex.clean_typst(result) if result else ""
