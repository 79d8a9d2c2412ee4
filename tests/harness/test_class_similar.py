"""Similarity: copies are found whatever was done to them, independent work is not, given code counts for nothing."""

import ast
import functools
import random
import shutil
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from grader.classroom import similarity
from grader.classroom.similarity import Own, find_pairs, group_pairs, write_similar
from grader.classroom.sources import ExportedSubmission
from grader.classroom.store import Store
from grader.classroom.view import Batch, Person
from grader.limits import SIMILAR_CUT, SIMILAR_TEXTS, SOURCE_BYTES
from tests.harness.test_class_page import Reader

FUNCTIONS = 12
SQUARES = "def f(x):\n" + "\n".join(f"    x = x * {n} + x ** 2 - max(x, {n})" for n in range(9)) + "\n    return x\n"
CALLS = ["np.sum", "np.exp", "np.mean", "np.where", "np.maximum", "np.prod", "np.sort", "len"]
NAMES = ["rows", "total", "scale", "mask", "out", "cache", "left", "mean", "step", "grad"]


def write_function(name: str, draw: random.Random) -> str:
    """Return a function of ten statements as one student might write it, and no other."""

    def term(depth: int) -> str:
        if depth == 0:
            return draw.choice([*NAMES, "x", str(draw.randint(0, 9)), f"x[{draw.choice(NAMES)}]"])
        form = draw.choice(["{a} + {b}", "{a} * ({b})", "{f}({a})", "{a} - {b}", "{f}({a}, axis={n})", "({a}) ** {n}"])
        return form.format(a=term(depth - 1), b=term(depth - 1), f=draw.choice(CALLS), n=draw.randint(0, 3))

    lines = []
    while len(lines) < 10:
        target = draw.choice(NAMES)
        lines += draw.choice(
            [
                [f"    {target} = {term(2)}"],
                [f"    {target} += {term(1)}"],
                [f"    if {term(1)} > {term(1)}:", f"        {target} = {term(2)}"],
                [f"    for {target} in range({term(1)}):", f"        {draw.choice(NAMES)} = {term(2)}"],
            ]
        )
    return "\n".join([f"def {name}(x):", '    """Return what it says."""', *lines, f"    return {draw.choice(NAMES)}"])


def write_student(seed: int) -> dict[str, str]:
    draw = random.Random(seed)
    return {f"layers.f{number}": write_function(f"f{number}", draw) for number in range(FUNCTIONS)}


def rename(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in NAMES:
            node.id = f"my_{node.id}_{len(node.id)}"
    return ast.unparse(tree)


def comment(text: str) -> str:
    return "\n".join(f"{line}  # line {i}\n\n" if i > 1 else line for i, line in enumerate(text.split("\n")))


class Loops(ast.NodeTransformer):
    """Turns a function's first `for` over a range into a `while`."""

    done = False

    def visit_For(self, node):
        if self.done:
            return node
        self.done = True
        target, end = ast.unparse(node.target), ast.unparse(node.iter.args[0])
        start, step = ast.parse(f"{target} = 0\n{target} += 1").body
        return [start, ast.While(ast.parse(f"{target} < {end}", mode="eval").body, [*node.body, step], [])]


def rewrite_loops(text: str) -> str:
    return ast.unparse(ast.fix_missing_locations(Loops().visit(ast.parse(text))))


DISGUISES = {
    "as it was": lambda texts: texts,
    "renamed": lambda texts: {name: rename(text) for name, text in texts.items()},
    "reordered": lambda texts: dict(reversed(texts.items())),
    "commented": lambda texts: {name: comment(text) for name, text in texts.items()},
    "docstrings": lambda texts: {name: text.replace("what it says", "something else") for name, text in texts.items()},
    "reformatted": lambda texts: {name: text.replace("(", "(\n        ") for name, text in texts.items()},
    "loops": lambda texts: {name: rename(rewrite_loops(text)) for name, text in texts.items()},
    "under other names": lambda texts: {f"own.{name}": text for name, text in texts.items()},
}


def own(name: str, texts: dict[str, str], current: bool = True) -> Own:
    return Own(name, texts, {title: take_prints(text) for title, text in texts.items()}, current)


@functools.cache
def take_prints(text: str) -> frozenset[int]:
    return similarity.take_prints({"": text})[""]


@pytest.fixture(scope="module")
def students():
    return [own(f"student {seed}", write_student(seed)) for seed in range(18)]


def test_independent_work_is_not_alike(students):
    assert find_pairs(students) == []


@pytest.mark.parametrize("disguise", DISGUISES)
def test_copy_is_found_whatever_was_done_to_it(students, disguise):
    copies = [own(f"copy {seed}", DISGUISES[disguise](write_student(seed))) for seed in (3, 17)]
    found = find_pairs([*students, *copies])
    assert {(pair.left, pair.right) for pair in found} == {(3, 18), (17, 19)}


@pytest.mark.parametrize(("disguise", "count"), [*((n, 4) for n in DISGUISES if n != "loops"), ("renamed", 9)])
def test_copy_of_a_third_of_the_functions_and_more_is_found_and_named(students, disguise, count):
    names = random.Random(count).sample(list(write_student(7)), count)
    theirs = DISGUISES[disguise]({name: write_student(7)[name] for name in names})
    mine = {name: text for name, text in write_student(99).items() if name not in names}
    (pair,) = find_pairs([*students, own("copy", mine | theirs)])
    assert (pair.left, pair.right) == (7, 18)
    assert set(pair.functions) <= set(names) and set(pair.functions.values()) <= set(theirs)
    assert len(pair.functions) >= 0.75 * count


def test_copy_of_one_function_is_not_told(students):
    """So little may be chance, or a page that both have read."""
    texts = write_student(99) | {"layers.f3": write_student(7)["layers.f3"]}
    assert find_pairs([*students, own("one", texts)]) == []


def test_many_pairs_are_compared_in_seconds_and_little_memory():
    draw = random.Random(0)
    forms = [[frozenset(draw.sample(range(10_000), 30)) for _ in range(40)] for _ in range(40)]
    found = [Own(f"s{n}", {}, {str(f): draw.choice(form) for f, form in enumerate(forms)}) for n in range(150)]
    start = time.process_time()
    find_pairs(found)
    assert time.process_time() - start < 5
    tracemalloc.start()
    find_pairs(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # of which the fingerprints' holders are half


def test_thousands_of_functions_are_compared_in_seconds():
    """Each with the same fingerprints and two of its own: nobody's submission may take the time of a class."""
    texts = {f"layers.f{n}": SQUARES for n in range(3000)}
    prints = {name: frozenset([*range(-8, 0), 2 * n, 2 * n + 1]) for n, name in enumerate(texts)}
    start = time.process_time()
    (pair,) = find_pairs([Own("a", texts, prints), Own("b", texts, prints)])
    rows = similarity.compare_texts(Own("a", texts, prints), Own("b", texts, prints), pair.functions)
    assert time.process_time() - start < 5
    assert pair.functions == {name: name for name in texts} and len(rows) == SIMILAR_TEXTS


def test_what_many_have_says_nothing():
    common = {f"layers.c{n}": write_function(f"c{n}", random.Random(1000 + n)) for n in range(FUNCTIONS)}
    found = [own(f"s{seed}", common | {"layers.mine": write_student(seed)["layers.f0"]}) for seed in range(30)]
    assert find_pairs(found) == []


def test_two_in_a_class_of_two_are_compared_too():
    texts = write_student(1)
    assert len(find_pairs([own("a", texts), own("b", DISGUISES["renamed"](texts))])) == 1
    assert find_pairs([own("a", texts), own("b", write_student(2))]) == []
    assert find_pairs([own("a", texts)]) == find_pairs([]) == []


def test_former_years_are_compared_with_this_one_only(students):
    texts = write_student(5)
    found = [*students, own("old", texts, False), own("older", texts, False)]
    assert {(pair.left, pair.right) for pair in find_pairs(found)} == {(5, 18), (5, 19)}


def test_nobody_is_told_of_a_likeness_to_themselves(handed_in, toy):
    """One student on two submissions, and a group of which one stays: neither is a pair; others still are."""
    people = {"p2": Person("Ada", "1", "ada@x.org"), "p6": Person("Ada", "", "ada@x.org")}
    with Store.open(toy.root / "class") as store:
        entries = [
            ExportedSubmission(one.key, one.place, (people.get(one.key, one.people[0]),), digest=one.digest)
            for one in store.submissions()
        ]
        store.add([*entries, ExportedSubmission("p9", entries[3].place, (Person("Bob", "2"),), digest="p9")])
        said = list(write_similar(store, toy.manifest, [], handed_in / "similar.html", SIMILAR_CUT))
    assert {line.partition(":")[0] for line in said[2:]} == {"Ada, Bob"}


def test_pairs_become_clusters(students):
    copies = [own(f"c{i}", DISGUISES[way](write_student(seed))) for i, (way, seed) in enumerate(
        [("renamed", 2), ("commented", 2), ("reordered", 9)]
    )]  # fmt: skip
    clusters = group_pairs(find_pairs([*students, *copies]))
    members = [{place for pair in cluster for place in (pair.left, pair.right)} for cluster in clusters]
    assert sorted(members, key=len) == [{9, 20}, {2, 18, 19}]


def test_both_texts_are_shown_whole_with_what_is_alike():
    texts = {"layers.f0": write_student(1)["layers.f0"]}
    (row,) = similarity.compare_texts(
        own("a", texts), own("b", {"layers.g": comment(texts["layers.f0"])}), {"layers.f0": "layers.g"}
    )
    assert texts["layers.f0"] in "".join(part for _, part in row["left"])
    assert row["name"] == "layers.f0 and layers.g"
    assert any(alike for alike, _ in row["left"]) and any(alike for alike, _ in row["right"])


HOSTILE = '"""<script>alert(1)</script>"><img src=x onerror=alert(1)>"""'


def hand_in(folder: Path, toy, seed: int, disguise=lambda text: text, docstring: str = "") -> Path:
    """Lay down a submission of the toy course in which one function is that of a student of this seed."""
    package = shutil.copytree(toy.root / "student", folder / "student")
    texts = write_student(seed)
    body = "\n\n\n".join(disguise(text) for text in texts.values())
    with (package / "shapes.py").open("a") as file:
        file.write(f"\n\n{body.replace(chr(34) * 3 + 'Return what it says.' + chr(34) * 3, docstring or 'pass')}\n")
    return folder


@pytest.fixture
def handed_in(toy, tmp_path):
    """A class of eight, of whom two hand in the same, and a third's is that of a former year."""
    with Store.create(toy.root / "class", Batch("A course", 8, "folder", tmp_path, ())) as store:
        people = [(seed, str, "") for seed in range(6)] + [(2, rename, HOSTILE), (90, str, "")]
        entries = []
        for number, (seed, disguise, docstring) in enumerate(people):
            place = hand_in(tmp_path / f"now/p{number}", toy, seed, disguise, docstring)
            entries.append(
                ExportedSubmission(f"p{number}", place, (Person(f"<b>Person {number}"),), digest=str(number))
            )
        (tmp_path / "now/broken").mkdir()
        entries.append(ExportedSubmission("broken", tmp_path / "now/broken", (Person("Broken"),)))
        store.add(entries)
    hand_in(tmp_path / "2024/old", toy, 90, comment)
    hand_in(tmp_path / "2024/other", toy, 91)
    return tmp_path


def test_class_is_compared_from_its_files(handed_in, toy):
    out = handed_in / "similar.html"
    with Store.open(toy.root / "class") as store:
        said = list(write_similar(store, toy.manifest, [handed_in / "2024"], out, SIMILAR_CUT))
    assert said[:2] == [
        f"written: {out} (2 clusters among 10 submissions)",
        "A likeness is a reason to look, not a verdict.",
    ]
    assert {line.partition(":")[0] for line in said[2:]} == {"<b>Person 2, <b>Person 6", "<b>Person 7, 2024"}
    page = out.read_bytes()
    reader = Reader(page)
    assert "img" not in {tag for tag, _ in reader.elements} and set(reader.scripts) == {""}
    assert b"<b>Person" not in page and b"&lt;b&gt;Person 6" in page and b"a reason to look, not a verdict" in page
    assert b"layers" not in page and b"shapes.f0" in page


def test_who_has_modules_that_cannot_be_read_is_named(handed_in, toy):
    """Else a copier would hide there: too large, in an odd encoding, or broken."""
    hidden = {"now/p1": b"#" * (SOURCE_BYTES + 1), "now/p5": b"# coding: utf-7\n", "2024/other": b"def broken(:\n"}
    for place, start in hidden.items():
        module = handed_in / place / "student/shapes.py"
        module.write_bytes(start + b"\n" + module.read_bytes())
    out = handed_in / "similar.html"
    with Store.open(toy.root / "class") as store:
        said = list(write_similar(store, toy.manifest, [handed_in / "2024"], out, SIMILAR_CUT))
    words = "not compared: p1 (shapes.py), p5 (shapes.py), 2024: other (shapes.py)"
    assert said[2] == words and words.encode() in out.read_bytes()
    assert len(said) == 5, "those that can be read are still compared"


def test_functions_beyond_the_limit_are_counted(toy, tmp_path, monkeypatch):
    """Else one submission could take the time of a class; those of the course come first."""
    module = hand_in(tmp_path, toy, 1) / "student/shapes.py"
    module.write_text(f"{SQUARES}\n{module.read_text()}\n{SQUARES.replace('def f', 'def g')}")
    own = functools.partial(similarity.read_own, "one", module.parent, toy.manifest, frozenset())
    assert own().unread == () and len(own().texts) == FUNCTIONS + 5
    monkeypatch.setattr(similarity, "SIMILAR_CHARACTERS", 600)
    assert set(own().texts) == {"shapes.area", "shapes.moments"}
    assert own().unread == (f"{FUNCTIONS + 3} of {FUNCTIONS + 5} functions",)


def test_given_code_is_nobody_s_own(handed_in, toy):
    given = similarity.read_given(toy.manifest)
    alone = similarity.read_own("nobody", toy.root / "student", toy.manifest, given)
    assert alone.texts == {} and alone.prints == {}


def test_command_says_where_it_wrote(handed_in, command):
    status, said, problem = command("class", "similar", "--also", handed_in / "2024", "--cut", "0.9")
    assert status == 0 and said.startswith("written: class/similar.html ("), problem


def test_fingerprints_are_the_same_in_each_run():
    """Python hashes texts in another way in each process."""
    code = (
        f"from grader.classroom.similarity import take_prints; print(*sorted(take_prints({{'f': {SQUARES!r}}})['f']))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in "12"
    ]
    assert runs[0].stdout.split() and runs[0].stdout == runs[1].stdout
