"""Read a gradebook that a platform exported, and fill in marks by ID; refuse one that does not fit."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import UsageError
from ..files import list_some, make_printable, open_regular
from ..limits import GRADEBOOK_BYTES, GRADEBOOK_NAMES, MEGABYTE
from .view import Person

COLUMN = re.compile(r"(?P<name>.*) \((?P<id>\d+)\)", re.DOTALL)
POINTS = re.compile(r"\d{1,9}([.,]\d{1,9})?", re.ASCII)
POINTS_POSSIBLE = "points possible"
SEPARATOR = re.compile(r'(?:"[^"]*"|[^",;\t\r\n])*([,;\t])')  # the first one outside of quotes: titles may hold others


@dataclass(frozen=True)
class Sheet:
    """A table that was exported: its first row, the others by number, and how the file spells them."""

    file: Path
    header: list[str]
    rows: dict[int, list[str]]
    delimiter: str
    coding: str

    def find(self, name: str) -> int | None:
        """Return the place of a column, whatever its case; None where there is none. Raise UsageError for two."""
        places = [place for place, title in enumerate(self.header) if title.strip().casefold() == name.casefold()]
        if len(places) > 1:
            raise UsageError(f"{make_printable(str(self.file), 400)} has two columns {name!r}; export it again")
        return places[0] if places else None


@dataclass(frozen=True)
class Filling:
    """The marks that were written: the title of their column, and the names of people who got none there.

    `absent` have no row, and `kept` are those of whom the platform says that they are to have no mark.
    """

    column: str
    absent: list[str]
    kept: list[str]


@dataclass(frozen=True)
class Platform:
    """A gradebook to fill: the columns it cannot lack, and the columns that say who a row is about, the surest first.

    `mark` is the column of marks, and `most` that of the points possible. Without them the assignment has a column of
    its own, and a row of it says how many points are possible. `markless` are words in place of a mark that stay.
    """

    name: str
    needed: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    how: str
    mark: str = ""
    most: str = ""
    markless: tuple[str, ...] = ()


def list_names(names: Iterable[str]) -> str:
    """Return the first names for a sentence, and how many more there are."""
    return list_some([make_printable(name) for name in names], GRADEBOOK_NAMES)


def read_sheet(file: Path) -> Sheet:
    """Read an exported table. Raise UsageError where it is none, or its lines differ in length."""
    shown = make_printable(str(file), 400)
    try:
        with open_regular(file) as stream:
            content = stream.read(GRADEBOOK_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read ({error.strerror}); give the file that was exported") from None
    if len(content) > GRADEBOOK_BYTES:
        raise UsageError(f"{shown} is larger than {GRADEBOOK_BYTES // MEGABYTE} MB, which no gradebook is")
    coding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        text = content.decode(coding)
        found = SEPARATOR.match(text)
        delimiter = found[1] if found else ","
        header, *others = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{shown} cannot be read as CSV in UTF-8 ({error}); export it again") from None
    rows = {number: row for number, row in enumerate(others, 2) if any(row)}
    for number, row in rows.items():
        if len(row) != len(header):
            raise UsageError(
                f"{shown}: row {number} has {len(row)} cells, and the first row has {len(header)}; export it again"
            )
    return Sheet(file, header, rows, delimiter, coding)


def _choose_column(sheet: Sheet, title: str, wanted: str) -> int:
    """Return the column of the assignment: that of this name, else of the course's title, else the only one."""
    columns = {place: match for place, name in enumerate(sheet.header) if (match := COLUMN.fullmatch(name))}
    words = (wanted or title).strip().casefold()
    found = [p for p, m in columns.items() if words in (m[0].strip().casefold(), m["name"].strip().casefold())]
    if len(found) == 1:
        return found[0]
    if len(columns) == 1 and not wanted:
        return next(iter(columns))
    names = list_names(match[0] for match in columns.values()) or "none"
    raise UsageError(
        f"{make_printable(str(sheet.file), 400)}: which column is the assignment's? "
        f"Name one with --column; there are: {names}"
    )


def _read_points(sheet: Sheet, platform: Platform, column: int) -> list[str]:
    """Return what the sheet says the assignment is worth, as often as it does."""
    place = sheet.find(platform.most) if platform.most else None
    if place is not None:
        return [row[place] for row in sheet.rows.values()]
    rows = sheet.rows.values()
    return [row[column] for row in rows if any(cell.strip().casefold() == POINTS_POSSIBLE for cell in row)]


CANVAS = Platform(
    "Canvas",
    ("ID",),
    (
        ("ID", "{0.user}"),
        ("SIS User ID", "{0.sid}"),
        ("SIS Login ID", "{0.email}"),
        ("SIS Login ID", "{0.sid}"),
    ),
    "export it there with Grades, Export",
    markless=("EX", "N/A"),  # excused, and not assigned
)
MOODLE = Platform(
    "Moodle",
    ("Identifier", "Grade"),
    (("Identifier", "Participant {0.user}"), ("ID number", "{0.sid}"), ("Email address", "{0.email}")),
    "download the grading worksheet there, in English",
    mark="Grade",
    most="Maximum Grade",
)


def fill_sheet(
    sheet: Sheet, platform: Platform, marks: Sequence[tuple[Person, str]], title: str, most: Fraction, column: str
) -> Filling:
    """Write the marks into the sheet's rows by ID.

    Raise UsageError where the sheet does not fit: none of the platform's, other points, nobody of this class.
    """
    shown = make_printable(str(sheet.file), 400)
    missing = [name for name in platform.needed if sheet.find(name) is None]
    if missing:
        lacks = " and ".join(map(repr, missing))
        raise UsageError(f"{shown} is no gradebook of {platform.name}: it has no column {lacks}; {platform.how}")
    target = (sheet.find(platform.mark) or 0) if platform.mark else _choose_column(sheet, title, column)
    possible = _read_points(sheet, platform, target)
    for points in possible:
        if _read_number(points) != most:
            raise UsageError(
                f"{shown}: {sheet.header[target]} is worth {make_printable(points) or 'nothing'} there, and "
                f"{float(most):g} here; make them the same, or choose another column"
            )
    spelled = [*possible, *(row[target] for row in sheet.rows.values())]
    comma = any("," in text and _read_number(text) is not None for text in spelled)
    rows = list(_find_rows(sheet, platform, [person for person, _ in marks]))
    taken: dict[int, Person] = {}
    kept: list[str] = []
    for row, (person, mark) in zip(rows, marks, strict=True):
        if row in taken:
            names = list_names([taken[row].name, person.name])
            raise UsageError(f"{shown}: row {row} would get two marks, of {names}; fix the IDs in the export")
        if row is None:
            continue
        taken[row] = person
        if sheet.rows[row][target].strip().upper() in platform.markless:
            kept.append(person.name)
        else:
            sheet.rows[row][target] = mark.replace(".", ",") if comma else mark
    if not taken:
        raise UsageError(
            f"{shown} has nobody of this class, by {' or '.join(dict(platform.people))}; give one of this course"
        )
    absent = [person.name for row, (person, _) in zip(rows, marks, strict=True) if row is None]
    return Filling(sheet.header[target], absent, kept)


def _read_number(text: str) -> Fraction | None:
    found = POINTS.fullmatch(text.strip())
    return Fraction(found[0].replace(",", ".")) if found else None


def _find_rows(sheet: Sheet, platform: Platform, people: Sequence[Person]) -> Iterator[int | None]:
    """Yield the number of each person's row, by their surest ID there. Raise UsageError where one stands twice."""
    places: dict[str, dict[str, list[int]]] = {name: {} for name in dict(platform.people)}
    for name, rows in places.items():
        column = sheet.find(name)
        for number, row in sheet.rows.items() if column is not None else ():
            rows.setdefault(row[column or 0].strip().casefold(), []).append(number)
    for person in people:
        values = [(name, form.format(person).strip().casefold()) for name, form in platform.people]
        found = next(((name, value) for name, value in values if value and value in places[name]), None)
        if found is None:
            yield None
            continue
        name, value = found
        first, *others = places[name][value]
        if others:
            where = f"{make_printable(str(sheet.file), 400)}: {name} {make_printable(value)}"
            raise UsageError(f"{where} stands in rows {first} and {others[0]}; fix the gradebook")
        yield first


PLATFORMS = {"canvas": CANVAS, "moodle": MOODLE}
