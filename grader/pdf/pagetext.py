"""Read a page's text as a reader copies it: the strings it draws, through its fonts' maps to characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes a while to import
    from pypdf import PageObject
    from pypdf.generic import DictionaryObject, PdfObject

Characters = dict[int, str]  # of a font, by code
TOKEN = re.compile(rb"/(\w+) [\d.]+ Tf|\b(ET)\b|(\()|(<[0-9A-Fa-f]*>)\s*T?[jJ]?")
FLAT = re.compile(rb"\((?:\\.|[^\\()])*\)", re.DOTALL)
BRACKET = re.compile(rb"\\.|[()]", re.DOTALL)
ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


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
