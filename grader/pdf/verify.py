"""Reopen the PDF and look for each notebook in its outline, each word and each line of code and output in its text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from . import lines, outputs
from .chapter import Chapter
from .formulas import BARE
from .markup import MARK, strip_tags
from .notebook import INPUT_IGNORED, Cell
from .typesetting import show_by_number

if TYPE_CHECKING:  # it takes a while to import
    from pypdfium2 import PdfPage, PdfTextPage

WIDE = 60  # characters of typst in a formula that may be too wide for a page
WORD = re.compile(r"[^\W_]+")
SCRIPTS = re.compile(r"[\u0590-\u1aff]+")  # with marks above and below their letters
LETTER = re.compile(r"\u0644[\u0622\u0623\u0625\u0627]|.")  # lam and alef are one, which a PDF may name in either order
RUN = re.compile(r"[\u0590-\u08ff]+|[^\u0590-\u08ff\W]+")  # letters of one direction
FRAME = re.compile(r"\A[^\n]*\n|[^\n]*\d+ / \d+\s*\Z")  # the running head and the page's number


def verify_pdf(data: bytes, chapters: list[Chapter], no_font: set[str]) -> tuple[int, list[str]]:
    """Return the number of pages, and sentences that say what is wrong; record formulas that typst found too wide."""
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    texts, problems = [], []
    for number, page in enumerate(document, 1):
        text = page.get_textpage()
        texts.append(FRAME.sub("", text.get_text_range().replace("\ufffe", "-\n")))  # a hyphen that ends a line
        if _overflows(page, text):
            problems.append(f"page {number}: text runs off it")
    starts = [entry.get_dest().get_index() for entry in document.get_toc() if entry.level == 0]
    if len(starts) != len(chapters):
        problems.append(f"the outline has {len(starts)} notebooks instead of {len(chapters)}")
        starts = [0] * len(chapters)
    for chapter, first, last in zip(chapters, starts, [*starts[1:], 0]):
        text = "\n".join(texts[first : last or None])
        problems += find_missing(chapter, text, no_font)
        _record_wide(chapter, _squash(text))
    return len(texts), problems


def find_missing(chapter: Chapter, text: str, no_font: set[str]) -> list[str]:
    """Return what a notebook's pages lack: words of Markdown, counted, lines of code and of outputs."""
    squashed, have = _squash(text), Counter(WORD.findall(_normalize(text)))
    wanted: Counter[str] = Counter()
    lost = [f"the engine's own mark {mark!r} instead of its text" for mark in _find_marks(chapter, squashed)]
    at = 0
    for cell in chapter.cells:
        asked, printed = _list_words(chapter, cell, no_font)
        wanted += asked
        lost += [
            f"cell {cell.index}: the word {word!r} is not in the PDF"
            for word in asked
            if have[word] < wanted[word] and _count(word, squashed) < wanted[word]
        ]
        lost += [
            f"cell {cell.index}: the word {word!r} of an output is not in the PDF"
            for word in printed
            if not _count(word, squashed)
        ]
        for line in _list_lines(chapter, cell):
            packed = _squash(_number_controls(line, no_font))
            found = squashed.find(packed, at)
            if found < 0 and not _holds_turned(_normalize(line), squashed):
                lost.append(f"cell {cell.index}: the line {packed[:80]!r} is not in the PDF")
            at = max(at, found)
    return [f"{chapter.notebook.name}, {what}" for what in lost]


def _record_wide(chapter: Chapter, squashed: str) -> None:
    """Record the formulas that stand as typed, since they are wider than the page at half their size."""
    failed = " ".join(block.degradation for block in chapter.blocks if block.failed)
    for formula in chapter.aside.formulas:
        start = formula.verbatim[:120]
        if len(formula.typst) > WIDE and start not in failed and _squash(f"{formula.verbatim} as typed") in squashed:
            chapter.degrade(f"formula wider than the page, set as typed: {start}", formula.cell)


def _list_lines(chapter: Chapter, cell: Cell) -> list[str]:
    """Return the lines of a cell's code and of its outputs, as far as they are shown."""
    if cell.kind != "code":
        return []
    rows = cell.source.split("\n") if INPUT_IGNORED not in cell.tags else []
    for shown in chapter.shown[cell.index]:
        if shown.kind in ("stdout", "stderr", "error"):
            parts, _ = outputs.cut(outputs.follow(shown.text), chapter.settings)
            rows += ["".join(text for _, text in row) for part in parts for row in lines.decode_escapes(part)]
    return rows


def _list_words(chapter: Chapter, cell: Cell, no_font: set[str]) -> tuple[Counter[str], Counter[str]]:
    """Return the words that a viewer shows of a cell's Markdown, and of its outputs in HTML and Markdown."""
    pages = [shown.text for shown in chapter.shown[cell.index] if shown.kind in ("html", "markdown")]
    found = []
    for page in (chapter.html.get(cell.index, ""), " ".join(pages)):
        text = MARK.sub(" ", strip_tags(page))
        found.append(Counter(WORD.findall(_normalize(_number_controls(text, no_font)))))
    return found[0], found[1]


def _find_marks(chapter: Chapter, squashed: str) -> set[str]:
    """Return the words that the engine put in place of others and that are still there."""
    marks = {found[0] for found in re.finditer(f"{MARK.pattern}|{BARE}", squashed)}
    return {mark for mark in marks if not any(mark in f"{cell.source}{cell.outputs}" for cell in chapter.cells)}


def _holds_turned(line: str, squashed: str) -> bool:
    """Return whether the words of a line that runs right to left are there, in either direction."""
    if not any(unicodedata.bidirectional(character) in ("R", "AL") for character in line):
        return False
    return all(_count(word, squashed) for word in RUN.findall(line))


def _overflows(page: PdfPage, text: PdfTextPage) -> bool:
    """Return whether a piece of text begins outside the page."""
    width, height = page.get_size()
    places = (text.get_rect(number) for number in range(text.count_rects()))
    return any(not (0 <= left <= width and 0 <= bottom <= height) for left, bottom, _, _ in places)


def _count(word: str, squashed: str) -> int:
    """Return how often a word occurs, broken over lines and right to left included."""
    ways = {word, word[::-1]}
    if not SCRIPTS.search(word):
        return sum(map(squashed.count, ways))
    # a PDF may name a letter once more with its mark, so others may stand between two
    letters = ([f"(?:{one}|{one[::-1]})" for one in LETTER.findall(way)] for way in ways)
    return sum(len(re.findall(".{0,2}".join(one), squashed)) for one in letters)


def _number_controls(text: str, no_font: set[str]) -> str:
    """Return the text as it is shown: characters that are controls or have no font by their numbers."""
    return show_by_number(text.translate(lines.CONTROLS), no_font)


def _normalize(text: str) -> str:
    """Return a text without the forms of its letters, and without the marks of some scripts."""
    return SCRIPTS.sub(_drop_marks, unicodedata.normalize("NFKC", text))


def _drop_marks(found: re.Match[str]) -> str:
    return "".join(character for character in found[0] if unicodedata.category(character) != "Mn")


def _squash(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text.replace(" ", "")
    return "".join(
        character
        for character in _normalize(text)
        if not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc")
    )
