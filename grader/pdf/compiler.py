"""Compile a document's blocks with typst until none fails: a block that fails gives way to its fallback."""

import datetime
import re
from pathlib import Path

from ..errors import PdfError, ProgramMissing
from ..limits import TYPST_ATTEMPTS
from .source_map import Block, find_blocks_at, join_blocks


class CannotSet(PdfError):
    """Nothing makes the document compile; the text says what typst said."""


class Compiler:
    """Run typst for one document: `head` holds the definitions before its blocks, `root` its images."""

    def __init__(self, head: str, root: Path, fonts: Path | None) -> None:
        try:
            import typst
        except ImportError:
            raise ProgramMissing("typst is missing; install it with: pip install typst") from None
        self.head = head
        self._error = typst.TypstError
        found = typst.Fonts(include_system_fonts=False, font_paths=[fonts] if fonts else [])
        self._typst = typst.Compiler(root=root, font_paths=found)

    def compile(self, blocks: list[Block], opening: str, date: datetime.date) -> bytes:
        """Return the PDF, dated; `opening` sets the style of a block compiled alone. Raise CannotSet."""
        noon = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
        for _ in range(TYPST_ATTEMPTS):
            text, starts = join_blocks(self.head, blocks)
            data, said = self._once(text, noon)
            if data is not None:
                return data
            failing = find_blocks_at(said, blocks, starts) or self._suspects(blocks, opening, noon)
            if not failing:
                raise CannotSet(f"typst cannot set these notebooks: {said.strip()[:500]}")
            for block in failing:
                block.failed = True
        raise CannotSet(f"typst cannot set these notebooks: more than {TYPST_ATTEMPTS} places in them fail")

    def _once(self, text: str, date: datetime.datetime) -> tuple[bytes | None, str]:
        """Return the PDF, or None and what typst said."""
        try:
            data = self._typst.compile(text.encode(), format="pdf", timestamp=date, pdf_tags=True)
            return (data, "") if isinstance(data, bytes) else (None, "typst returned no PDF")
        except self._error as error:
            return None, error.diagnostic or str(error)
        except BaseException as error:  # a panic inside typst is no Exception
            if type(error).__name__ != "PanicException":
                raise
            return None, f"typst panicked: {error}"

    def _suspects(self, blocks: list[Block], opening: str, date: datetime.datetime) -> list[Block]:
        """Return the blocks that fail when set without the others, for an error that names no line."""
        definitions = [block for block in blocks if block.current.startswith("#let ")]
        bad = []
        for block in blocks:
            if not block.fallback or block.failed:
                continue
            alone = [Block(opening), *(other for other in definitions if other is not block), block]
            if defined := re.match(r"#let (\w+) = ", block.current):
                alone.append(Block(f"#{defined[1]};"))
            if self._once(join_blocks(self.head, alone)[0], date)[0] is None:
                bad.append(block)
        return bad
