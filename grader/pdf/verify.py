"""Reopen the PDF and look for each notebook in its outline, each word and each code line in its text."""

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
from .pagetext import extract_text
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
    """Import the reader while there is other work to wait for."""
    import pypdf  # noqa: F401


def check(data: bytes, document: Document) -> tuple[int, list[str]]:
    """Return the number of pages, and sentences that say what is wrong with the PDF."""
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    problems, starts = [], []
    tops = [entry for entry in reader.outline if not isinstance(entry, list)]
    if len(tops) != len(document.chapters):
        problems.append(f"the outline has {len(tops)} notebooks instead of {len(document.chapters)}")
    else:
        starts = [reader.get_destination_page_number(entry) for entry in tops]
    fonts: dict[int, dict[int, str]] = {}
    texts = [FRAME.sub("", extract_text(page, fonts)) for page in reader.pages]
    for number, chapter in enumerate(document.chapters):
        first, last = starts[number] if starts else 0, starts[number + 1] if starts[number + 1 :] else len(texts)
        problems += find_missing(chapter, "\n".join(texts[first:last]), document.missing)
    return len(texts), problems


def find_missing(chapter: Chapter, text: str, no_font: set[str]) -> list[str]:
    """Return the words of Markdown, counted, and the code lines that a notebook's pages lack."""
    squashed, have = _squash(text), Counter(WORD.findall(_normalize(text)))
    wanted: Counter[str] = Counter()
    lost: list[str] = []
    at = 0
    for cell in chapter.notebook.cells:
        if IGNORED in cell.tags:
            continue
        if cell.kind == "markdown":
            words = Counter(WORD.findall(_read_shown(cell.source, no_font)))
            wanted += words
            lost += [f"cell {cell.index}: the word {word!r}" for word in words if _lacks(word, wanted, have, squashed)]
        elif cell.kind == "code" and INPUT_IGNORED not in cell.tags:
            for line in filter(None, (_squash(_number_controls(line, no_font)) for line in cell.source.split("\n"))):
                found = squashed.find(line, at)
                if found < 0:
                    lost.append(f"cell {cell.index}: the line {line[:80]!r}")
                at = max(at, found)
    return [f"{chapter.notebook.name}, {what} is not in the PDF" for what in lost]


def _lacks(word: str, wanted: Counter[str], have: Counter[str], squashed: str) -> bool:
    """Return whether a word occurs less often than wanted, broken over lines and right to left included."""
    if have[word] >= wanted[word]:
        return False
    return squashed.count(word) + squashed.count(word[::-1]) * (word != word[::-1]) < wanted[word]


def _read_shown(source: str, no_font: set[str]) -> str:
    """Return the text of a Markdown cell that a reader sees, without formulas."""
    text = PIECE.sub(_drop_formula, source)
    text = COMMENT.sub(" ", HIDDEN.sub(" ", text))
    text = INFO.sub(r"\1", IMAGE.sub(" ", text))
    text = TARGET.sub(" ", text)
    return _normalize(_number_controls(entities.unescape(text), no_font))


def _drop_formula(found: re.Match[str]) -> str:
    return found[0] if found["skip"] is not None else " "


def _number_controls(text: str, no_font: set[str]) -> str:
    """Return the text as it is shown: characters that are controls or have no font by their numbers."""
    text = text.translate(CONTROLS)
    return "".join(f"[U+{ord(character):04X}]" if character in no_font else character for character in text)


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _squash(text: str) -> str:
    return "".join(
        character
        for character in _normalize(text)
        if not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc")
    )
