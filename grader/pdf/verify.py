"""Reopening the PDF: pages, one outline entry a notebook, and every word and code line of the notebooks in its text."""

import html as entities
import io
import re
import unicodedata
from collections import Counter

from .chapter import Chapter
from .document import Document
from .formulas import PIECE
from .html import COMMENT, HIDDEN, TAG
from .literal import CONTROLS
from .pagetext import text_of
from .status import IGNORED, INPUT_IGNORED

WORD = re.compile(r"[^\W_]+")
TARGET = re.compile(
    r"\]\((?:[^()\n]|\([^()\n]*\))*\)|^\s{0,3}\[[^\]\n]+\]:\s*\S+.*$|<(?:https?|mailto)[^>\s]*>|" + TAG.pattern,
    re.MULTILINE,
)  # where links lead, and tags
IMAGE = re.compile(r"!\[(?:[^\[\]]|\[[^\[\]]*\])*\]\([^()]*\)")
INFO = re.compile(r"^([ \t>]*(?:`{3,}|~{3,})).*$", re.MULTILINE)
FRAME = re.compile(r"\A[^\n]*\n[^\n]*\n|\n[^\n]*\d+ / \d+\s*\Z")  # the running head and the page's number


def prepare() -> None:
    """Imports the reader while there is other work to wait for."""
    import pypdf  # noqa: F401


def check(data: bytes, document: Document) -> tuple[int, list[str]]:
    """The number of pages and what is wrong with the PDF, in sentences."""
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    problems, starts = [], []
    tops = [entry for entry in reader.outline if not isinstance(entry, list)]
    if len(tops) != len(document.chapters):
        problems.append(f"the outline has {len(tops)} notebooks instead of {len(document.chapters)}")
    else:
        starts = [reader.get_destination_page_number(entry) for entry in tops]
    fonts: dict[int, dict[int, str]] = {}
    texts = [FRAME.sub("", text_of(page, fonts)) for page in reader.pages]
    for number, chapter in enumerate(document.chapters):
        first, last = starts[number] if starts else 0, starts[number + 1] if starts[number + 1 :] else len(texts)
        problems += missing(chapter, "\n".join(texts[first:last]), document.missing)
    return len(texts), problems


def missing(chapter: Chapter, text: str, no_font: set[str]) -> list[str]:
    """The words of Markdown, counted, and the code lines, in order, that are not in the text of a notebook's pages."""
    squashed, have = _squashed(text), Counter(WORD.findall(_normal(text)))
    wanted: Counter[str] = Counter()
    lost: list[str] = []
    at = 0
    for cell in chapter.notebook.cells:
        if IGNORED in cell.tags:
            continue
        if cell.kind == "markdown":
            words = Counter(WORD.findall(_shown(cell.source, no_font)))
            wanted += words
            lost += [f"cell {cell.index}: the word {word!r}" for word in words if _lacks(word, wanted, have, squashed)]
        elif cell.kind == "code" and INPUT_IGNORED not in cell.tags:
            for line in filter(None, (_squashed(_marked(line, no_font)) for line in cell.source.split("\n"))):
                found = squashed.find(line, at)
                if found < 0:
                    lost.append(f"cell {cell.index}: the line {line[:80]!r}")
                at = max(at, found)
    return [f"{chapter.notebook.name}, {what} is not in the PDF" for what in lost]


def _lacks(word: str, wanted: Counter[str], have: Counter[str], squashed: str) -> bool:
    """Whether the text has a word less often than wanted; a word broken over lines or set right to left counts too."""
    if have[word] >= wanted[word]:
        return False
    return squashed.count(word) + squashed.count(word[::-1]) * (word != word[::-1]) < wanted[word]


def _shown(source: str, no_font: set[str]) -> str:
    """What of a Markdown cell is text that a reader sees; formulas are not judged by their words."""
    text = PIECE.sub(_without_formula, source)
    text = COMMENT.sub(" ", HIDDEN.sub(" ", text))
    text = INFO.sub(r"\1", IMAGE.sub(" ", text))
    text = TARGET.sub(" ", text)
    return _normal(_marked(entities.unescape(text), no_font))


def _without_formula(found: re.Match[str]) -> str:
    return found[0] if found["skip"] is not None else " "


def _marked(text: str, no_font: set[str]) -> str:
    """The text as it is shown: by their numbers where characters are controls or have no font."""
    text = text.translate(CONTROLS)
    return "".join(f"[U+{ord(character):04X}]" if character in no_font else character for character in text)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _squashed(text: str) -> str:
    return "".join(
        character
        for character in _normal(text)
        if not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc")
    )
