"""All notebooks as one typst document, compiled until nothing in it fails."""

import datetime
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import fonts
from .chapter import Chapter
from .compiler import Compiler
from .literal import quote
from .sheet import Mark, Piece
from .status import Question

NAMED = 12  # characters without a font that are named one by one
TEMPLATE = Path(__file__).with_name("template.typ")


@dataclass(frozen=True)
class Front:
    """What the title page says, and the paper."""

    title: str
    names: str
    date: datetime.date
    paper: str = "a4"


@dataclass
class Document:
    """The chapters of a document, its pieces of typst and what is shown otherwise than meant."""

    front: Front
    chapters: list[Chapter]
    folder: Path
    marks: list[Mark] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def compile(self) -> bytes:
        """The PDF; raises CannotSet and ProgramMissing."""
        pieces = self._pieces()
        chosen = fonts.choose(set().union(*(set(piece.text) for piece in pieces), self.front.title))
        self.missing = chosen.missing
        self._mark_missing(pieces)
        head = f"{chosen.declarations()}\n#let assignment = {quote(self.front.title)}\n{TEMPLATE.read_text('utf-8')}"
        compiler = Compiler(head, self.folder, self._gathered(chosen.files))
        data = compiler.compile(pieces, self._style(), self.front.date)
        for chapter in self.chapters:
            self.marks += chapter.sheet.marks
        self.marks += [Mark(piece.notebook, piece.cell, piece.mark) for piece in pieces if piece.failed]
        return data

    def _gathered(self, files: list[Path]) -> Path | None:
        """A folder with just these fonts, so that no other of their neighbours is used."""
        if not files:
            return None
        folder = self.folder / "fonts"
        folder.mkdir()
        for file in files:
            shutil.copyfile(file, folder / file.name)
        return folder

    def _style(self) -> str:
        return f"#show: paper-style.with({quote(self.front.paper)})"

    def _pieces(self) -> list[Piece]:
        pieces = [Piece(self._opening())]
        for chapter in self.chapters:
            name = chapter.notebook.path.name
            pieces.append(Piece(f"#set page(header: running({quote(name)}))"))
            title = chapter.title or chapter.notebook.name
            pieces.append(Piece(f"#opening({quote(title)}, {quote(name)})<{chapter.prefix}>"))
            for piece in chapter.sheet.pieces:
                pieces += [piece, Piece("")]
        return pieces

    def _opening(self) -> str:
        rows = "".join(map(_row, self.chapters))
        questions = "".join(_entry(chapter, question) for chapter in self.chapters for question in _shown(chapter))
        names, date = quote(self.front.names), quote(self.front.date.isoformat())
        return (
            f"{self._style()}\n#set document(title: assignment, author: {names})\n"
            f"#title-page({names}, {date}, ({rows}), ({questions}))"
        )

    def _mark_missing(self, pieces: list[Piece]) -> None:
        """Shows the code point of each character that no font has, and records where."""
        if not self.missing:
            return
        pattern = re.compile(f"[{''.join(map(re.escape, sorted(self.missing)))}]")
        for piece in pieces:
            if found := sorted(set(pattern.findall(piece.text))):
                self.marks.append(Mark(piece.notebook or "title page", piece.cell, f"no font has {_named(found)}"))
                if piece.text.startswith("#let ") and "eval(" in piece.text:
                    piece.text = piece.fallback
            piece.text, piece.fallback = (
                pattern.sub(lambda hit: f"[U+{ord(hit[0]):04X}]", text) for text in (piece.text, piece.fallback)
            )


def _named(characters: list[str]) -> str:
    """Characters with their code points, the first ones of many."""
    points = [(character, f"U+{ord(character):04X}") for character in characters]
    names = [f"{character} ({point})" if character.isprintable() else point for character, point in points[:NAMED]]
    more = f" and {len(points) - NAMED} more" if len(points) > NAMED else ""
    return ", ".join(names) + more


def _row(chapter: Chapter) -> str:
    """A notebook's row on the title page."""
    cells = "".join(f"({quote(text)}, {quote(state)}), " for text, state in chapter.status.cells)
    return f"(target: <{chapter.prefix}>, name: {quote(chapter.notebook.name)}, cells: ({cells})), "


def _shown(chapter: Chapter) -> list[Question]:
    """The questions that are in the document, and so can be pointed at."""
    texts = [piece.text for piece in chapter.sheet.pieces]
    return [
        question
        for question in chapter.status.questions
        if any(f"#question({quote(question.label)}" in text for text in texts)
    ]


def _entry(chapter: Chapter, question: Question) -> str:
    """A question's row on the title page."""
    about = ", ".join(filter(None, [question.points, "" if question.answered else "not answered"]))
    return (
        f"(target: label({quote(question.label)}), notebook: {quote(chapter.notebook.name)}, "
        f"name: {quote(question.title)}, points: {quote(about)}), "
    )
