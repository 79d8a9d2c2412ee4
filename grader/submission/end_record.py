"""How many entries a zip holds, told from its end record and by stepping through its directory, before it is parsed."""

import struct
from typing import BinaryIO

END, END_SIZE, LONGEST_COMMENT = b"PK\x05\x06", 22, 65_535
LOCATOR, LOCATOR_SIZE = b"PK\x06\x07", 20
END_64, END_64_SIZE = b"PK\x06\x06", 56
ENTRY, ENTRY_SIZE = b"PK\x01\x02", 46


def count(stream: BinaryIO, most: int, most_bytes: int) -> int:
    """The number of entries; `most` + 1 where there are more, or their directory is larger than `most_bytes`.

    The record may lie, so the entries that are there are counted too. 0 where no record is found: zipfile says why.
    """
    end = _end(stream)
    if end is None:
        return 0
    place, record = end
    said, size = struct.unpack("<10xHL6x", record)
    large = _end_64(stream, place)
    if large is not None:
        place -= LOCATOR_SIZE + END_64_SIZE
        said, size = large
    if said > most or size > most_bytes:
        return most + 1
    stream.seek(max(0, place - size))
    return max(said, _steps(stream.read(size), most))


def _end(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Where the end record stands, and its bytes; found as zipfile finds it."""
    length = stream.seek(0, 2)
    if length < END_SIZE:
        return None
    stream.seek(length - END_SIZE)
    last = stream.read(END_SIZE)
    if last.startswith(END) and last.endswith(b"\0\0"):
        return length - END_SIZE, last
    start = max(0, length - END_SIZE - LONGEST_COMMENT)
    stream.seek(start)
    tail = stream.read()
    found = tail.rfind(END)
    record = tail[found : found + END_SIZE]
    return (start + found, record) if found >= 0 and len(record) == END_SIZE else None


def _end_64(stream: BinaryIO, place: int) -> tuple[int, int] | None:
    """Number and bytes of the entries by the record of a zip64, the largest where two places hold one."""
    if place < LOCATOR_SIZE + END_64_SIZE:
        return None
    stream.seek(place - LOCATOR_SIZE)
    locator = stream.read(LOCATOR_SIZE)
    if not locator.startswith(LOCATOR):
        return None
    found = []
    for start in {place - LOCATOR_SIZE - END_64_SIZE, struct.unpack("<8xQ4x", locator)[0]}:
        if start <= place - LOCATOR_SIZE - END_64_SIZE:
            stream.seek(start)
            record = stream.read(END_64_SIZE)
            if record.startswith(END_64):
                found.append(struct.unpack("<32xQQ8x", record))
    return (max(number for number, _ in found), max(size for _, size in found)) if found else None


def _steps(directory: bytes, most: int) -> int:
    """How many entries stand in a directory, `most` + 1 where there are more."""
    place, number = 0, 0
    while number <= most and directory.startswith(ENTRY, place) and place + ENTRY_SIZE <= len(directory):
        place += ENTRY_SIZE + sum(struct.unpack_from("<HHH", directory, place + 28))
        number += 1
    return number
