"""Zygotes side by side give their workers user ids of ranges of their own."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from grader.sandbox.parent.zygote_pool import UidRange

CLAIM = """
import sys
from grader.sandbox.parent.zygote_pool import UidRange
ranges = [UidRange() for _ in range(3)]
print(*(number for one in ranges for number in one.ids), flush=True)
sys.stdin.readline()
"""


def test_ranges_of_processes_side_by_side_do_not_overlap():
    words, root = [sys.executable, "-c", CLAIM], Path(__file__).parents[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": root}
    others = [subprocess.Popen(words, **pipes) for _ in range(2)]
    own = UidRange()
    try:
        found = [own.ids]
        for other in others:
            numbers = list(map(int, other.stdout.readline().split()))
            found += list(zip(numbers[::2], numbers[1::2]))
        assert len(found) == 7
        found.sort()
        assert all(last < first for (_, last), (first, _) in pairwise(found))
    finally:
        own.release()
        for other in others:
            other.kill()
            other.wait()


def test_range_is_free_again_once_it_is_released():
    one = UidRange()
    one.release()
    another = UidRange()
    another.release()
    assert one.ids == another.ids


def test_all_user_ids_are_shared_once_every_range_is_taken():
    taken = [UidRange() for _ in range(67)]
    try:
        assert UidRange().ids == (61184, 65519)
    finally:
        for one in taken:
            one.release()
