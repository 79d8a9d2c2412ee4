"""Reopen the PDF and look for each notebook in its outline, each word and each code line in its text."""

from __future__ import annotations

import html as entities
import io
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from . import outputs
from .chapter import Chapter
from .formulas import BARE
from .lines import CONTROLS
from .markup import COMMENT, HIDDEN, PIECE, TAG, shorten_data
from .notebook import INPUT_IGNORED, Cell

if TYPE_CHECKING:  # it takes a while to import
    from pypdf import PageObject
    from pypdf.generic import DictionaryObject, PdfObject

Characters = dict[int, str]  # of a font, by code
WORD = re.compile(r"[^\W_]+")
TARGET = re.compile(
    r"\]\((?:[^()\n]|\([^()\n]*\))*\)|^\s{0,3}\[[^\]\n]+\]:\s*\S+.*$|<(?:https?|mailto)[^>\s]*>|" + TAG.pattern,
    re.MULTILINE,
)  # where links lead, and tags
IMAGE = re.compile(r"!\[(?:[^\[\]]|\[[^\[\]]*\])*\]\([^()]*\)")
DRAWN = re.compile(r"<(svg|math)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)  # what is no text on paper
LABEL = re.compile(r"^\s{0,3}\[([^\]\n]+)\]:", re.MULTILINE)
REFERENCE = re.compile(r"\]\[([^\]\n]+)\]")
LIST = re.compile(r"^[ \t>]*(?:[-*+]\s+)?(?:\[[ xX]\]|\d{1,9}[.)])(?=\s)", re.MULTILINE)  # counted anew
RUN = re.compile(r"[\u0590-\u08ff]+|[^\u0590-\u08ff\W]+")  # letters of one direction
PLACE = re.compile(rb"q [-\d.]+ [-\d.]+ [-\d.]+ [-\d.]+ ([-\d.]+) ([-\d.]+) cm[^\n]*\nBT")
INFO = re.compile(r"^([ \t>]*(?:`{3,}|~{3,})).*$", re.MULTILINE)
FRAME = re.compile(r"\A[^\n]*\n[^\n]*\n|\n[^\n]*\d+ / \d+\s*\Z")  # the running head and the page's number
TOKEN = re.compile(rb"/(\w+) [\d.]+ Tf|\b(ET)\b|(\()|(<[0-9A-Fa-f]*>)\s*T?[jJ]?")
FLAT = re.compile(rb"\((?:\\.|[^\\()])*\)", re.DOTALL)
BRACKET = re.compile(rb"\\.|[()]", re.DOTALL)
ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def prepare() -> None:
    """Import the reader while there is other work to wait for."""
    import pypdf  # noqa: F401


def check(data: bytes, chapters: list[Chapter], no_font: set[str]) -> tuple[int, list[str]]:
    """Return the number of pages, and sentences that say what is wrong with the PDF."""
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    problems, starts = [], []
    tops = [entry for entry in reader.outline if not isinstance(entry, list)]
    if len(tops) != len(chapters):
        problems.append(f"the outline has {len(tops)} notebooks instead of {len(chapters)}")
    else:
        starts = [reader.get_destination_page_number(entry) for entry in tops]
    fonts: dict[int, dict[int, str]] = {}
    texts = [FRAME.sub("", extract_text(page, fonts)) for page in reader.pages]
    for number, chapter in enumerate(chapters):
        first, last = starts[number] if starts else 0, starts[number + 1] if starts[number + 1 :] else len(texts)
        problems += find_missing(chapter, "\n".join(texts[first:last]), no_font)
    problems += [f"page {number}: text runs off it" for number, page in enumerate(reader.pages, 1) if _overflows(page)]
    return len(texts), problems


def find_missing(chapter: Chapter, text: str, no_font: set[str]) -> list[str]:
    """Return what a notebook's pages lack: words of Markdown, counted, lines of code and of outputs."""
    squashed, have = _squash(text), Counter(WORD.findall(_normalize(text)))
    wanted: Counter[str] = Counter()
    lost = [f"the engine's own mark {mark!r} instead of its text" for mark in _find_marks(chapter, squashed)]
    at = 0
    for cell in chapter.cells:
        if cell.kind == "markdown":
            words = Counter(WORD.findall(_read_shown(cell.source, no_font)))
            wanted += words
            lost += [
                f"cell {cell.index}: the word {word!r} is not in the PDF"
                for word in words
                if _lacks(word, wanted, have, squashed)
            ]
        lost += [
            f"cell {cell.index}: the word {word!r} of an output is not in the PDF"
            for word in _list_words(chapter, cell, no_font)
            if word not in squashed and word[::-1] not in squashed
        ]
        for line in _list_lines(chapter, cell):
            packed = _squash(_number_controls(line, no_font))
            found = squashed.find(packed, at)
            if found < 0 and not _holds_turned(_normalize(line), squashed):
                lost.append(f"cell {cell.index}: the line {packed[:80]!r} is not in the PDF")
            at = max(at, found)
    return [f"{chapter.notebook.name}, {what}" for what in lost]


def _list_lines(chapter: Chapter, cell: Cell) -> list[str]:
    """Return the lines of a cell's code and of its outputs, as far as they are shown."""
    if cell.kind != "code":
        return []
    lines = cell.source.split("\n") if INPUT_IGNORED not in cell.tags else []
    for shown in chapter.shown[cell.index]:
        if shown.kind in ("stdout", "stderr", "error"):
            (head, tail), _ = outputs.cut(outputs.render(shown.text.rstrip("\n")), chapter.limits)
            lines += ["".join(part for _, part in line) for line in head + tail]
    return lines


def _list_words(chapter: Chapter, cell: Cell, no_font: set[str]) -> list[str]:
    """Return the words of a cell's outputs in HTML and Markdown, each once."""
    pages = [shown.text for shown in chapter.shown[cell.index] if shown.kind in ("html", "markdown")]
    text = DRAWN.sub(" ", COMMENT.sub(" ", HIDDEN.sub(" ", " ".join(pages))))
    text = chapter.aside.mark.sub(" ", entities.unescape(TAG.sub(" ", text)))
    return list(dict.fromkeys(WORD.findall(_normalize(_number_controls(text, no_font)))))


def _find_marks(chapter: Chapter, squashed: str) -> set[str]:
    """Return the words that the engine put in place of others and that are still there."""
    marks = {found[0] for found in chapter.aside.mark.finditer(squashed)}
    own = any(BARE in cell.source for cell in chapter.cells)
    return marks | ({BARE} if BARE in squashed and not own else set())


def _holds_turned(line: str, squashed: str) -> bool:
    """Return whether the words of a line that runs right to left are there, in either direction."""
    if not any(unicodedata.bidirectional(character) in ("R", "AL") for character in line):
        return False
    return all(word in squashed or word[::-1] in squashed for word in RUN.findall(line))


def _overflows(page: PageObject) -> bool:
    """Return whether a piece of text begins outside the page."""
    contents = page.get_contents()
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    places = PLACE.findall(contents.get_data()) if contents is not None else []
    return any(not (0 <= float(x) <= width and 0 <= float(y) <= height) for x, y in places)


def _lacks(word: str, wanted: Counter[str], have: Counter[str], squashed: str) -> bool:
    """Return whether a word occurs less often than wanted, broken over lines and right to left included."""
    if have[word] >= wanted[word]:
        return False
    return squashed.count(word) + squashed.count(word[::-1]) * (word != word[::-1]) < wanted[word]


def _read_shown(source: str, no_font: set[str]) -> str:
    """Return the text of a Markdown cell that a reader sees, without formulas."""
    text = PIECE.sub(_drop_formula, shorten_data(source))
    text = COMMENT.sub(" ", HIDDEN.sub(" ", text))
    text = LIST.sub(" ", INFO.sub(r"\1", IMAGE.sub(" ", text)))
    defined = {label.casefold() for label in LABEL.findall(text)}
    text = REFERENCE.sub(lambda found: "]" if found[1].casefold() in defined else found[0], text)
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
    if text.isascii() and text.isprintable():
        return text.replace(" ", "")
    return "".join(
        character
        for character in _normalize(text)
        if not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc")
    )


def extract_text(page: PageObject, fonts: dict[int, Characters]) -> str:
    """Return a page's text in drawing order, one line an object of text; read each font only once."""
    named = _get_dictionary(_get_dictionary(page, "/Resources"), "/Font")
    maps = {str(name): _read_characters(named.raw_get(name), fonts) for name in named}
    contents = page.get_contents()
    stream = contents.get_data() if contents is not None else b""
    parts: list[str] = []
    current: Characters = {}
    at = 0
    while found := TOKEN.search(stream, at):
        at = found.end()
        if found[1]:
            current = maps.get(f"/{found[1].decode()}", {})
        elif found[2]:
            parts.append("\n")
        else:
            at = _find_end(stream, found.start()) if found[3] else found.end(4)
            code = _read_bytes(stream[found.start() : at])
            parts += [current.get(code[n] << 8 | code[n + 1], "") for n in range(0, len(code) - 1, 2)]
    return "".join(parts)


def _get_dictionary(owner: DictionaryObject, key: str) -> DictionaryObject:
    """Return the dictionary under a key; an empty one where there is none."""
    from pypdf.generic import DictionaryObject

    entry = owner.get(key)
    found = None if entry is None else entry.get_object()
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _find_end(stream: bytes, at: int) -> int:
    """Return where a string that opens at `at` ends; brackets in it may stand in pairs without a backslash."""
    if flat := FLAT.match(stream, at):
        return flat.end()
    depth = 0
    for found in BRACKET.finditer(stream, at):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return len(stream)


def _read_characters(reference: PdfObject, fonts: dict[int, Characters]) -> Characters:
    """Return a font's characters by code, from its ToUnicode map."""
    from pypdf.generic import DictionaryObject, StreamObject

    key = getattr(reference, "idnum", id(reference))
    if key not in fonts:
        font = reference.get_object()
        stream = font["/ToUnicode"] if isinstance(font, DictionaryObject) and "/ToUnicode" in font else None
        table = stream.get_data() if isinstance(stream, StreamObject) else b""
        fonts[key] = {}
        for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
            for code, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
                fonts[key][int(code, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be", "replace")
        for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
            for first, last, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
                start = bytes.fromhex(text.decode()).decode("utf-16-be", "replace")
                for code in range(int(first, 16), int(last, 16) + 1):
                    fonts[key][code] = start[:-1] + chr(ord(start[-1]) + code - int(first, 16))
    return fonts[key]


def _read_bytes(string: bytes) -> bytes:
    if string.startswith(b"<"):
        return bytes.fromhex(re.sub(rb"\s", b"", string[1:-1]).decode())
    if b"\\(" not in string and b"\\)" not in string:  # the escapes left are also Python's
        return string[1:-1].decode("unicode_escape").encode("latin-1")
    return ESCAPED.sub(
        lambda found: bytes([int(found[1], 8) & 255]) if found[1].isdigit() else ESCAPES.get(found[1], found[1]),
        string[1:-1],
    )
