"""Define pandoc's syntax tree (pandoc-types 1.23) as structs: `t` names the kind of a node, `c` is its content."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

Attributes = tuple[str, list[str], list[tuple[str, str]]]  # identifier, classes, pairs
Target = tuple[str, str]  # address, title


class Kind(msgspec.Struct):
    """A choice from a fixed list, such as an alignment."""

    t: str


class Node(msgspec.Struct, tag_field="t", tag=True):
    """Any inline or block."""


class Str(Node):
    c: str


class Space(Node):
    pass


class SoftBreak(Node):
    pass


class LineBreak(Node):
    pass


class Emph(Node):
    c: list[Inline]


class Strong(Node):
    c: list[Inline]


class Underline(Node):
    c: list[Inline]


class Strikeout(Node):
    c: list[Inline]


class Superscript(Node):
    c: list[Inline]


class Subscript(Node):
    c: list[Inline]


class SmallCaps(Node):
    c: list[Inline]


class Quoted(Node):
    c: tuple[Kind, list[Inline]]


class Cite(Node):
    c: tuple[list[msgspec.Raw], list[Inline]]


class Span(Node):
    c: tuple[Attributes, list[Inline]]


class Code(Node):
    c: tuple[Attributes, str]


class Math(Node):
    c: tuple[Kind, str]


class RawInline(Node):
    c: tuple[str, str]


class Link(Node):
    c: tuple[Attributes, list[Inline], Target]


class Image(Node):
    c: tuple[Attributes, list[Inline], Target]


class Note(Node):
    c: list[Block]


class Plain(Node):
    c: list[Inline]


class Para(Node):
    c: list[Inline]


class LineBlock(Node):
    c: list[list[Inline]]


class CodeBlock(Node):
    c: tuple[Attributes, str]


class RawBlock(Node):
    c: tuple[str, str]


class BlockQuote(Node):
    c: list[Block]


class BulletList(Node):
    c: list[list[Block]]


class OrderedList(Node):
    c: tuple[tuple[int, Kind, Kind], list[list[Block]]]


class DefinitionList(Node):
    c: list[tuple[list[Inline], list[list[Block]]]]


class Header(Node):
    c: tuple[int, Attributes, list[Inline]]


class HorizontalRule(Node):
    pass


class Div(Node):
    c: tuple[Attributes, list[Block]]


Caption = tuple[list["Inline"] | None, list["Block"]]


class Figure(Node):
    c: tuple[Attributes, Caption, list[Block]]


Cell = tuple[Attributes, Kind, int, int, list["Block"]]  # alignment, rows and columns it spans
Row = tuple[Attributes, list[Cell]]
Head = tuple[Attributes, list[Row]]
Body = tuple[Attributes, int, list[Row], list[Row]]


class Table(Node):
    c: tuple[Attributes, Caption, list[tuple[Kind, Kind]], Head, list[Body], Head]


Inline = (
    Str | Space | SoftBreak | LineBreak | Emph | Strong | Underline | Strikeout | Superscript | Subscript | SmallCaps
    | Quoted | Cite | Span | Code | Math | RawInline | Link | Image | Note
)  # fmt: skip
Block = (
    Plain | Para | LineBlock | CodeBlock | RawBlock | BlockQuote | BulletList | OrderedList | DefinitionList | Header
    | HorizontalRule | Div | Figure | Table
)  # fmt: skip


class Document(msgspec.Struct):
    """A whole document; other fields are left aside."""

    blocks: list[Block]


def read_text(part: object) -> str:
    """Return the text of a part of the tree, as a reader would see it."""
    if isinstance(part, Space | SoftBreak | LineBreak):
        return " "
    if isinstance(part, Str):
        return part.c
    if isinstance(part, Code | Math | RawInline | CodeBlock | RawBlock):
        return part.c[1]
    if isinstance(part, Node):
        return read_text(getattr(part, "c", None))
    if isinstance(part, list | tuple):
        return "".join(read_text(inner) for inner in part if not isinstance(inner, str))
    return ""


def walk(part: object) -> Iterator[Node]:
    """Yield every node in a part of the tree in reading order, without recursion: a tree may be very deep."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Node):
            yield part
            waiting.append(getattr(part, "c", None))
        elif isinstance(part, list | tuple):
            waiting += reversed(part)
