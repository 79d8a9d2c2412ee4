"""A stub is what a call of its function reaches, and nothing else; looking for it costs little."""

import os
import time

import pytest

from grader.course.source import (
    TooLarge,
    Unparsable,
    find_definitions,
    find_span,
    find_stubs,
    is_unwritten,
    parse_source,
)
from grader.files import IrregularFile, make_printable, read_start
from grader.limits import SOURCE_BYTES

RAISE = 'raise NotImplementedError("shapes.area")'
NAMES = ["shapes.area", "shapes.Net.loss", "shapes.moments"]

STUBS = {
    "alone": f"def area(w, h):\n    {RAISE}\n",
    "below other lines": f"def area(w, h):\n    x = w * h\n    {RAISE}\n    return x\n",
    "in one of two branches": f"def area(w, h):\n    if w:\n        return h\n    else:\n        {RAISE}\n",
    "in a loop": f"def area(w, h):\n    for i in range(w):\n        {RAISE}\n",
    "below a loop that breaks off": f"def area(w, h):\n    while True:\n        break\n    {RAISE}\n",
    "in a handler": f"def area(w, h):\n    try:\n        return w * h\n    except ValueError:\n        {RAISE}\n",
    "below a match": f"def area(w, h):\n    match w:\n        case 1:\n            return h\n    {RAISE}\n",
    "in a with": f"def area(w, h):\n    with w:\n        {RAISE}\n",
    "the last of two definitions": f"def area(w, h):\n    return w\ndef area(w, h):\n    {RAISE}\n",
    "with Windows' line ends": f"def area(w, h):\r\n    {RAISE}\r\n",
    "in a finally clause": f"def area(w, h):\n    try:\n        return w\n    finally:\n        {RAISE}\n",
    "below a finally clause": f"def area(w, h):\n    try:\n        w()\n    finally:\n        h()\n    {RAISE}\n",
    "behind a byte-order mark": f"\ufeffdef area(w, h):\n    {RAISE}\n",
}
WRITTEN = {
    "below a return": f"def area(w, h):\n    return w * h\n    {RAISE}\n",
    "two branches that return": f"def area(w):\n    if w:\n        return 1\n    else:\n        return w\n    {RAISE}",
    "below a raise": f"def area(w, h):\n    raise ValueError\n    {RAISE}\n",
    "below an endless loop": f"def area(w, h):\n    while True:\n        pass\n    {RAISE}\n",
    "below a try that returns": f"def area(w, h):\n    try:\n        return w\n    finally:\n        w()\n    {RAISE}",
    "under if False": f"def area(w, h):\n    if False:\n        {RAISE}\n    return w\n",
    "under if not True": f"def area(w, h):\n    if not True:\n        {RAISE}\n    return w\n",
    "below a with that returns": f"def area(w, h):\n    with w:\n        return h\n    {RAISE}\n",
    "on the line of a condition": f"def area(w, h):\n    return w\n    if w: {RAISE}\n    {RAISE}\n",
    "in a comment": f"def area(w, h):\n    # {RAISE}\n    return w\n",
    "in a docstring": f'def area(w, h):\n    """\n    {RAISE.replace(chr(34), chr(39))}\n    """\n    return w\n',
    "in a nested function": f"def area(w, h):\n    def other():\n        {RAISE}\n    return w\n",
    "in another function": f"def area(w, h):\n    return w\ndef area_before(w, h):\n    {RAISE}\n",
    "in a class": f"def area(w, h):\n    return w\nclass Old:\n    def area(w, h):\n        {RAISE}\n",
    "the first of two definitions": f"def area(w, h):\n    {RAISE}\ndef area(w, h):\n    return w\n",
    "bound to something else": f"def area(w, h):\n    {RAISE}\narea = lambda w, h: w * h\n",
    "an exception of its own": 'def area(w, h):\n    if w:\n        raise NotImplementedError("negative")\n',
    "no Python": f"def area(w, h:\n    {RAISE}\n",
    "a null byte": f"def area(w, h):\n    {RAISE}\n\0",
    "a coding nobody knows": f"# coding: nonsense\ndef area(w, h):\n    {RAISE}\n",
}


@pytest.mark.parametrize("text", STUBS.values(), ids=STUBS)
def test_stub_that_a_call_reaches(tmp_path, text):
    (tmp_path / "shapes.py").write_bytes(text.encode())
    line = text[: text.rindex("raise NotImpl")].count("\n") + 1
    assert find_stubs(tmp_path, NAMES) == {"shapes.area": f"shapes.py, line {line}"}


UNWRITTEN = {
    "in every case": f"def area(w):\n    match w:\n        case 1: {RAISE}\n        case 2 | _: {RAISE}\n",
    "in all branches": f"def area(w):\n    if w:\n        {RAISE}\n    else:\n        raise ValueError\n    return\n",
}
BEGUN = {
    "a case that may not be": f"def area(w, h):\n    match w:\n        case 1:\n            {RAISE}\n    return w\n",
    "a loop over nothing": f"def area(w, h):\n    for i in range(w):\n        {RAISE}\n    return h\n",
    "a case that returns": f"def area(w, h):\n    match w:\n        case 1:\n            return h\n    {RAISE}\n",
    "a loop that passes by": f"def area(w, h):\n    for i in w:\n        if i: continue\n        {RAISE}\n    return\n",
    "a loop that breaks off": f"def area(w, h):\n    for i in w:\n        if i: break\n        {RAISE}\n    return w\n",
    "a branch that falls through": f"def area(w, h):\n    if w:\n        {RAISE}\n",
    "a decorator": f"@other\ndef area(w, h):\n    {RAISE}\n",
    "a finally that returns": f"def area(w, h):\n    try:\n        {RAISE}\n    finally:\n        return 1\n",
}
PARTLY = {"in one of two branches", "in a handler", "below a match", "in a loop", "in a finally clause"}


@pytest.mark.parametrize("name", [*STUBS, *UNWRITTEN, *BEGUN])
def test_unwritten_where_every_call_ends_in_a_stub(tmp_path, name):
    (tmp_path / "shapes.py").write_bytes((STUBS | UNWRITTEN | BEGUN)[name].encode())
    assert "shapes.area" in find_stubs(tmp_path, NAMES)
    assert is_unwritten(tmp_path, "shapes.area") == (name not in PARTLY and name not in BEGUN)


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_stub_that_no_call_reaches(tmp_path, text):
    (tmp_path / "shapes.py").write_bytes(text.encode())
    assert find_stubs(tmp_path, NAMES) == {}


def test_method_and_the_lines_of_what_is_defined(tmp_path):
    text = 'class Net:\n    x = 1\n    def loss(self):\n        raise NotImplementedError("shapes.Net.loss")\n'
    (tmp_path / "shapes.py").write_text(text)
    assert find_stubs(tmp_path, NAMES) == {"shapes.Net.loss": "shapes.py, line 4"}
    assert {name: (d.first, d.last) for name, d in find_definitions(text.encode()).items()} == {
        "Net": (1, 4),
        "Net.loss": (3, 4),
    }
    start, end = find_span(text, ["Net", "loss"])
    assert text[start:end] == text[text.index("    def") :]


@pytest.mark.parametrize("place", [".ipynb_checkpoints/shapes-checkpoint.py", "backup/shapes.py", "shapes_old.py"])
def test_no_other_file_is_looked_at(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(f"def area(w, h):\n    {RAISE}\n")
    (tmp_path / "shapes.py").write_text("def area(w, h):\n    return w * h\n")
    assert find_stubs(tmp_path, NAMES) == {}


def nest_finally(depth, margin=" "):
    """Return a try whose returns, and so the code of its `finally` clauses, multiply with every level."""
    inner = nest_finally(depth - 1, margin + " ") if depth else f"{margin} pass\n"
    return f"{margin}try:\n{f'{margin} if w: return{chr(10)}' * 100}{margin}finally:\n{inner}"


def nest_with(depth, margin=" "):
    """Return nested context managers around many returns, each of which leaves all of them."""
    inner = nest_with(depth - 1, margin + " ") if depth else f"{margin} if w: return\n" * 2000
    return f"{margin}with h:\n{inner}"


NAMED = ", ".join(f"a{i}" for i in range(9_000))
HARD = {
    "2 MB of stub lines": "def area(w, h):\n" + f"    {RAISE}\n" * (2**21 // 45),
    "as many stub lines as are looked at": "def area(w, h):\n" + f"    {RAISE}\n" * (SOURCE_BYTES // 46),
    "brackets": "(" * 100_000,
    "minus signs": "x = " + "-" * 100_000 + "1",
    "elif": "if a:\n    pass\n" + "elif a:\n    pass\n" * 10_000,
    "sums": "x = " + "1+" * 100_000 + "1",
    "attributes": "x = a" + ".a" * 100_000,
    "classes of one name": "".join(f"def f{i}():0\n" for i in range(9000)) + "class A:0\n" * 9000,
    "empty lines": "\n" * SOURCE_BYTES,
    "comparisons above a stub": f"def area(w, h):\n    x = {'w<' * 50_000}h\n    {RAISE}\n",
    "returns through nested finally clauses": f"def area(w, h):\n{nest_finally(4)}    {RAISE}\n",
    "returns through nested with": f"def area(w, h):\n{nest_with(18)}    {RAISE}\n",
    "names that a case binds": f"def area(w, h):\n    match w:\n        case [{NAMED}]: pass\n    {RAISE}\n",
    "numbers above a stub": f"def area(w, h):\n    x = 1 << 10**9, (0,) * 256 * 256 * 256 * 256\n    {RAISE}\n",
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_files_take_seconds_and_raise_nothing(tmp_path, text):
    (tmp_path / "shapes.py").write_text(text)
    started = time.process_time()
    find_stubs(tmp_path, NAMES)
    assert time.process_time() - started < 10
    with pytest.raises(Unparsable) if len(text) > SOURCE_BYTES else _whatever():
        parse_source(text.encode())


@pytest.mark.parametrize("dot", [".", " . ", "\\\n.\\\n"], ids=["plain", "spaced", "over lines"])
@pytest.mark.parametrize("line", ["import {}", "from {} import a"])
def test_name_that_takes_the_square_of_its_length_is_not_parsed(line, dot):
    parse_source(line.format(dot.join(["a"] * 90)).encode())
    with pytest.raises(TooLarge, match="more than 100 parts"):  # 3,000 take 9 MB, and 100,000 take 10 GB
        parse_source(b"x = 1\n" + line.format(dot.join(["a"] * 3_000)).encode())


@pytest.mark.parametrize("line", ["import b, {}", "import b as c, {}", "x = 1; import {}", "from {} import b"])
def test_name_of_many_parts_is_found_wherever_it_is_imported(line):
    with pytest.raises(TooLarge, match="more than 100 parts"):
        parse_source(line.format(".".join(["a\u0301"] * 3_000)).encode())


@pytest.mark.parametrize(
    "text",
    ["# " + "a." * 200, "x = '" + "a." * 200 + "'", "x = [" + "1. + " * 200 + "1]", "x = '" + "1. " * 200 + "'"],
    ids=["comment", "text", "sum", "numbers"],
)
def test_many_dots_elsewhere_are_no_name(text):
    assert parse_source(f"import numpy as np\n{text}\n".encode()).body


@pytest.mark.parametrize(
    "source",
    [
        b"# coding: mac_arabic\nimport a" + b"\xaea" * 3_000,
        b"\r# coding: utf-7\rimport a" + b"+AC4-a" * 3_000,
        b"\xef\xbb\xbfimport a" + b".a" * 3_000,
    ],
    ids=["a dot of another alphabet", "lines of an old system", "byte order mark"],
)
def test_text_that_is_looked_at_is_the_text_that_is_parsed(source):
    with pytest.raises(TooLarge):
        parse_source(source)


def test_bytes_of_another_encoding_are_told_with_their_line():
    with pytest.raises(Unparsable, match="can't decode byte 0xe4") as caught:
        parse_source(b"x = 1\n\ny = '\xe4'\n")
    assert caught.value.line == 3


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "raw_unicode_escape", "punycode", "idna", "hz"])
def test_source_whose_letters_may_mean_others_is_not_parsed(encoding):
    with pytest.raises(TooLarge, match="encoding"):
        parse_source(f"# coding: {encoding}\nx = 1\n".encode())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "gbk", "shift_jis", "euc_kr", "ascii"])
def test_source_in_an_encoding_that_editors_write_is_parsed(encoding):
    assert parse_source(f"# -*- coding: {encoding} -*-\nx = 1.0\n".encode(encoding)).body


def test_words_with_dots_that_are_no_name_take_no_time():
    started = time.process_time()
    parse_source(b"x = [" + b"a.b.c, " * 30_000 + b"]\ny = '" + b"a" * 20_000 + b"." * 20_000 + b"'")
    assert time.process_time() - started < 5


def _whatever():
    import contextlib

    return contextlib.suppress(Unparsable)


def test_looking_ends_when_time_is_over(tmp_path):
    def over():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        find_stubs(tmp_path, NAMES, over)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "shapes.py")
    assert find_stubs(tmp_path, NAMES) == {}
    for place in (tmp_path / "shapes.py", tmp_path, "/dev/zero"):
        with pytest.raises(IrregularFile, match="no regular file"):
            read_start(place, 10)
    with pytest.raises(FileNotFoundError):
        read_start(tmp_path / "missing", 10)


def test_names_are_fit_for_a_sentence():
    assert make_printable("a b.py") == "a b.py"
    assert make_printable("a\nb\udcff\u202f\x1b.py") == "a\\nb\\udcff\\u202f\\x1b.py"
    assert make_printable("x" * 500) == "x" * 120 + "…"
