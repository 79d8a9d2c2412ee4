"""Draw the rooms of the engine as boxes, each above those it imports; the same house makes the same bytes."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable
from html import escape

WIDTH, BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN, LANE = 840, 380, 66, 26, 20, 40
LETTERS = 52  # of a line in a box
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2933}"
    ".name{font-size:15px;font-weight:600}.says{font-size:12px}.hint{font-size:12px;fill:#52606d}"
    "rect{fill:#f3f7fb;stroke:#33658a;stroke-width:1.2}path{fill:none;stroke:#33658a;stroke-width:1.4}"
)
HINT = "An arrow means: imports. Arrows that follow from others are left out; none runs upward."

Arrow = tuple[str, str]
Place = tuple[int, int]  # the row, from the top, and the column


def draw(rooms: dict[str, str], arrows: Iterable[Arrow]) -> str:
    """Return the picture as SVG: `rooms` says in a sentence what each holds; `arrows` must hold no circle."""
    reduced = reduce(set(arrows))
    places = _places(list(rooms), reduced)
    height = 2 * MARGIN + (1 + max(row for row, _ in places.values())) * (BOX_HEIGHT + GAP) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The rooms of the engine, each above those it imports</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#33658a;stroke:none"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" style="fill:#fff;stroke:none"/>',
        *(_line(places[above], places[below], set(places.values())) for above, below in sorted(reduced)),
    ]
    for room, says in rooms.items():
        lines += _box(places[room], room, says)
    lines.append(f'<text class="hint" x="{MARGIN}" y="{height - MARGIN + 4}">{HINT}</text>')
    return "\n".join([*lines, "</svg>", ""])


def reduce(arrows: set[Arrow]) -> set[Arrow]:
    """Return the arrows that do not follow from others."""
    below = defaultdict(set)
    for start, end in arrows:
        below[start].add(end)

    def reaches(start: str, end: str) -> bool:
        return start == end or any(reaches(other, end) for other in below[start])

    return {(a, b) for a, b in arrows if not any(reaches(other, b) for other in list(below[a]) if other != b)}


def _places(rooms: list[str], arrows: set[Arrow]) -> dict[str, Place]:
    """Return each room's place: one row below the lowest room that imports it; rooms of a row in the given order."""
    rows: dict[str, int] = {}

    def row(room: str) -> int:
        if room not in rows:
            rows[room] = max((row(above) + 1 for above, below in sorted(arrows) if below == room), default=0)
        return rows[room]

    held: dict[int, list[str]] = defaultdict(list)
    for room in rooms:
        held[row(room)].append(room)
    return {room: (number, column) for number, inside in held.items() for column, room in enumerate(inside)}


def _corner(place: Place) -> Place:
    row, column = place
    return MARGIN + column * (BOX_WIDTH + LANE), MARGIN + row * (BOX_HEIGHT + GAP)


def _line(above: Place, below: Place, taken: set[Place]) -> str:
    """Return an arrow: straight down as far as it goes, then over to the other box.

    It goes down its own column, or beside that where another box stands in its way.
    """
    (x, y), (to_x, to_y) = _corner(above), _corner(below)
    shift = (to_x > x) - (to_x < x)
    to_x, turn = to_x + BOX_WIDTH // 2 - 40 * shift, to_y - GAP
    if any((row, above[1]) in taken for row in range(above[0] + 1, below[0])):
        side, y = -1 if above[1] else 1, y + BOX_HEIGHT // 2
        edge = x if above[1] else x + BOX_WIDTH
        x = edge + side * LANE // 2
        start = f"M{edge} {y}Q{x} {y} {x} {y + LANE // 2}"
    else:
        x += BOX_WIDTH // 2 + 40 * shift
        start = f"M{x} {y + BOX_HEIGHT}"
    return f'<path d="{start}V{turn}C{x} {to_y} {to_x} {turn} {to_x} {to_y - 1}" marker-end="url(#tip)"/>'


def _box(place: Place, name: str, says: str) -> list[str]:
    x, y = _corner(place)
    texts = [f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>']
    texts.append(f'<text class="name" x="{x + 12}" y="{y + 22}">{escape(name)}</text>')
    for number, line in enumerate(textwrap.wrap(says, LETTERS)[:2]):
        texts.append(f'<text class="says" x="{x + 12}" y="{y + 41 + 16 * number}">{escape(line)}</text>')
    return texts
