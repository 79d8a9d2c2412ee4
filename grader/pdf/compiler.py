"""Compiling a document's pieces with typst until none fails: a piece that fails gives way to its fallback."""

import datetime
import re
from pathlib import Path

from ..errors import PdfError, ProgramMissing
from .sheet import Piece, guilty, source

ATTEMPTS = 400


class CannotSet(PdfError):
    """The document cannot be compiled by any means; the text says what typst said."""


class Compiler:
    """typst for one document: `head` are the definitions before its pieces, `root` where its images lie."""

    def __init__(self, head: str, root: Path, fonts: Path | None) -> None:
        try:
            import typst
        except ImportError:
            raise ProgramMissing("typst is missing; install it with: pip install typst") from None
        self.head = head
        self._error = typst.TypstError
        found = typst.Fonts(include_system_fonts=False, font_paths=[fonts] if fonts else [])
        self._typst = typst.Compiler(root=root, font_paths=found)

    def compile(self, pieces: list[Piece], opening: str, date: datetime.date) -> bytes:
        """The PDF, dated; `opening` sets the style of a piece compiled alone. Raises CannotSet."""
        noon = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
        for _ in range(ATTEMPTS):
            text, starts = source(self.head, pieces)
            data, said = self._once(text, noon)
            if data is not None:
                return data
            failing = guilty(said, pieces, starts) or self._suspects(pieces, opening, noon)
            if not failing:
                raise CannotSet(f"typst cannot set these notebooks: {said.strip()[:500]}")
            for piece in failing:
                piece.failed = True
        raise CannotSet(f"typst cannot set these notebooks: more than {ATTEMPTS} places in them fail")

    def _once(self, text: str, date: datetime.datetime) -> tuple[bytes | None, str]:
        """The PDF, or None and what typst said."""
        try:
            data = self._typst.compile(text.encode(), format="pdf", timestamp=date, pdf_tags=True)
            return (data, "") if isinstance(data, bytes) else (None, "typst returned no PDF")
        except self._error as error:
            return None, error.diagnostic or str(error)
        except BaseException as error:  # a panic inside typst is no Exception
            if type(error).__name__ != "PanicException":
                raise
            return None, f"typst panicked: {error}"

    def _suspects(self, pieces: list[Piece], opening: str, date: datetime.datetime) -> list[Piece]:
        """The pieces that fail when set without the others, for an error that names no line."""
        definitions = [piece for piece in pieces if piece.current.startswith("#let ")]
        bad = []
        for piece in pieces:
            if not piece.fallback or piece.failed:
                continue
            alone = [Piece(opening), *(other for other in definitions if other is not piece), piece]
            if defined := re.match(r"#let (\w+) = ", piece.current):
                alone.append(Piece(f"#{defined[1]};"))
            if self._once(source(self.head, alone)[0], date)[0] is None:
                bad.append(piece)
        return bad
