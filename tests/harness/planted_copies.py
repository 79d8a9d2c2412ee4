"""Measure `class similar` on invented students: how many planted copies it tells, and how many others beside them."""

import ast
import random
from collections.abc import Callable

from grader.classroom.similarity import find_pairs
from grader.limits import SIMILAR_CUT
from tests.harness.test_class_similar import DISGUISES, FUNCTIONS, own, write_student

STUDENTS, COPIES = 16, 60
SHARES = {"all": FUNCTIONS, "half": FUNCTIONS // 2, "a third": FUNCTIONS // 3}


def print_often(text: str) -> str:
    """Put a `print` after every fifth statement of a function."""
    tree = ast.parse(text)
    for number in range(len(tree.body[0].body), 0, -5):
        tree.body[0].body.insert(number, ast.parse(f"print({number})").body[0])
    return ast.unparse(tree)


def measure(name: str, count: int, disguises: list[Callable], copies: int, cut: float = SIMILAR_CUT) -> None:
    """Plant copies of so many functions, one in a class of others each, and say what is told of them."""
    students = [own(f"s{seed}", write_student(seed)) for seed in range(STUDENTS)]
    draw, found, named, false, pairs = random.Random(count), 0, 0, 0, 0
    for number in range(copies):
        source, theirs = number % STUDENTS, write_student(1000 + number)
        texts = {name: write_student(source)[name] for name in draw.sample(list(theirs), count)}
        copy = own("copy", theirs | disguises[number % len(disguises)](texts))
        told = {(pair.left, pair.right): pair for pair in find_pairs([*students, copy], cut)}
        pair = told.pop((source, STUDENTS), None)
        found, named = found + bool(pair), named + len(set(pair.functions) & set(texts) if pair else ())
        false, pairs = false + len(told), pairs + STUDENTS * (STUDENTS + 1) // 2 - 1
    share = named / copies / count
    print(f"{name}: {found} of {copies} told, {share:.0%} of the functions named, {false} of {pairs} others")


def main() -> None:
    """Print the figures of docs/class-guide.md: `python -m tests.harness.planted_copies`."""
    ways = [way for name, way in DISGUISES.items() if name != "under other names"]
    for name, count in SHARES.items():
        measure(name, count, ways, COPIES)
    prints = [lambda texts: {name: print_often(text) for name, text in texts.items()}]
    for name, count in list(SHARES.items())[:2]:
        measure(f"{name}, with prints", count, prints, COPIES)
    students = [own(f"s{seed}", write_student(seed)) for seed in range(100, 200)]
    for cut in (SIMILAR_CUT, 0.5, 0.4):
        print(f"cut {cut:g}: {len(find_pairs(students, cut))} of 4950 independent pairs")


if __name__ == "__main__":
    main()
