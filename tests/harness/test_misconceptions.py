"""A misconception is named where a failed check's answers are those of its variants, and of no other's."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from grader.checks import expect, expect_unchanged_arguments
from grader.checks.bookkeeping import trace_answers
from grader.checks.expect import Mismatch
from grader.checks.misconceptions import (
    Candidate,
    Evidence,
    choose_misconceptions,
    find_evidence,
)
from grader.errors import Ending, NotScored, WorkerRaised, WorkerTimeout
from grader.sandbox.parent.proxy import Call, Proxy

A, B, C, D = b"a", b"b", b"c", b"d"
RNG = np.random.RandomState(0)
X, W = RNG.randn(4, 5), RNG.randn(5, 3)
RIGHT = X @ W


def evidence(*digests, telling=True):
    return [Evidence(digests, telling)]


def judged(answer, claim=lambda answer: expect(answer, "out").to_match(RIGHT, rel=1e-5), inputs=(), check="q1/double"):
    """The evidence in one failed claim about an answer."""
    with trace_answers() as trace, pytest.raises(AssertionError) as found:
        claim(answer)
    return find_evidence(trace, found.value, check, Call(None, "double", inputs))[0]


def agree(one, other):
    return one.agrees(other.digests[0])


WRONG = 2 * RIGHT


@pytest.mark.parametrize("off", [0.0, 1e-15, 3e-13, 1e-11])
def test_answers_that_differ_by_rounding_agree(off):
    other = WRONG * (1 + off * RNG.randn(*WRONG.shape))
    assert agree(judged(other), judged(WRONG)) and agree(judged(WRONG), judged(other))


@pytest.mark.parametrize(
    "other",
    [
        WRONG * (1 + 1e-7),
        WRONG + 1e-7 * RNG.randn(*WRONG.shape),
        -WRONG,
        WRONG[::-1],
        WRONG.T,
        WRONG[:, :2],
        WRONG.reshape(1, 4, 3),
        np.zeros_like(WRONG),
        np.where(WRONG > 0, WRONG, np.nan),
        WRONG.astype(np.float32),
        WRONG.round().astype(int),
        None,
        "text",
        [1.0, 2.0],
    ],
    ids=str,
)
def test_answers_that_differ_in_values_shape_or_kind_do_not(other):
    assert not agree(judged(other), judged(WRONG))


def test_float32_agrees_to_its_own_digits():
    wrong = WRONG.astype(np.float32)
    assert agree(judged(wrong), judged((wrong * np.float32(1 + 1e-7)).astype(np.float32)))
    assert not agree(judged(wrong), judged((wrong * np.float32(1 + 1e-4)).astype(np.float32)))


@pytest.mark.parametrize("huge", [np.full((4, 3), 1.7e308), 1e308 * RNG.uniform(-1, 1, (4, 3))], ids=["alike", "mixed"])
def test_the_sums_of_huge_answers_stay_finite(huge):
    assert agree(judged(huge), judged(huge.copy())) and not agree(judged(huge), judged(huge[::-1] / 3))


def test_every_answer_up_to_the_failing_one_counts():
    def claims(answer):
        expect(answer, "dx dw").to_match((RIGHT, RIGHT), rel=0.5)

    one, other = judged((1.1 * RIGHT, WRONG), claims), judged((1.2 * RIGHT, WRONG), claims)
    assert not agree(one, other)
    assert agree(judged((WRONG, RIGHT), claims), judged((WRONG, 3 * RIGHT), claims))  # dw was not judged


def test_the_same_answer_in_another_check_is_another():
    assert not agree(judged(WRONG, check="q1/square"), judged(WRONG))


def test_rounding_in_place_of_zeros_agrees_with_zeros():
    noise = 1e-17 * RNG.randn(4, 3)
    assert agree(judged(noise), judged(np.zeros((4, 3))))


def test_who_undoes_a_digest_knows_one_projection_and_no_answer():
    """The attack on a file for students: finding the number behind a digest by trying gives one equation, no more."""
    name = hashlib.blake2b(b"q1/double/1", digest_size=4).digest()
    draws = np.random.RandomState(int.from_bytes(name, "little"))
    draws.uniform(1, 2)
    direction = draws.standard_normal(WRONG.size)
    unit = direction / np.linalg.norm(direction)
    other = RNG.randn(WRONG.size)
    other += (WRONG.reshape(-1) @ unit - other @ unit) * unit
    assert agree(judged(other.reshape(WRONG.shape)), judged(WRONG))  # so a digest is one of very different answers
    solved = (WRONG.reshape(-1) @ unit) * unit / 2  # WRONG is twice what is right, and the attacker knows it
    assert np.abs(solved - RIGHT.reshape(-1)).max() > 0.5 * np.abs(RIGHT).max()


TRIVIAL = {
    "NaN": np.full((4, 3), np.nan),
    "an infinity": np.where(RIGHT > 1, np.inf, RIGHT),
    "zeros": np.zeros((4, 3)),
    "ones": np.ones((4, 3)),
    "all alike": np.full((4, 3), 0.37),
    "whole numbers": np.arange(12.0).reshape(4, 3),
    "integers": np.arange(12).reshape(4, 3),
    "rounding": 1e-17 * RIGHT,
    "the input": 1.0 * X[:, :3],
    "the input in another shape": X[:, :3].reshape(-1),
    "nothing": None,
    "text": "text",
    "nothing at all": np.zeros(0),
    "a simple fraction": 0.25,
    "a whole number": 3.0,
}


@pytest.mark.parametrize("name", TRIVIAL)
def test_a_trivial_answer_tells_nothing(name):
    assert not judged(TRIVIAL[name], inputs=(X[:, :3],)).telling


def test_an_answer_with_digits_tells_something():
    assert judged(WRONG, inputs=(X, W)).telling
    assert judged(0.123456789).telling
    assert judged(np.zeros((4, 3, 0, 0))).telling  # as a crop by no padding leaves it


def claim_unchanged(way):
    def claim(answer):
        call = SimpleNamespace(label="layers.double")
        worker = SimpleNamespace(callees={"layers.double"}, changes=[SimpleNamespace(call=call, way=way)])
        worker.parameters, worker.modules = (lambda function: ["x", "y"]), set()
        expect_unchanged_arguments(Proxy(worker, 0, "function", "layers.double"))

    return claim


def test_a_changed_argument_tells_which():
    first, second = (judged(None, claim_unchanged((place,))) for place in (0, 1))
    assert first.telling and not agree(first, second) and agree(first, judged(None, claim_unchanged((0,))))


def test_an_exception_is_compared_by_its_kind_and_tells_nothing():
    with trace_answers() as trace:
        expect(RIGHT, "out").to_be_finite()
    errors = [WorkerRaised("double", "no", kind=kind) for kind in ("ValueError", "ValueError", "TypeError")]
    one, same, other = (find_evidence(trace, error, "q1/double", None)[0] for error in errors)
    assert agree(one, same) and not agree(one, other) and not one.telling


@pytest.mark.parametrize(
    "error", [WorkerTimeout("double", Ending.LATE, 1.0), NotScored("")], ids=["late", "not scored"]
)
def test_what_was_not_judged_is_no_evidence(error):
    with trace_answers() as trace:
        expect(RIGHT, "out").to_be_finite()
    assert find_evidence(trace, error, "q1/double", None) == []


def test_a_run_inside_of_another_has_its_own_trace():
    with trace_answers() as outer:
        expect(RIGHT, "out").to_be_finite()
        with trace_answers() as inner:
            expect(WRONG, "out").to_be_finite()
    assert (len(outer.answers), len(inner.answers)) == (1, 1)


def test_a_passing_claim_is_noted_and_nothing_is_outside_of_a_run():
    expect(RIGHT, "out").to_be_finite()
    with trace_answers() as trace:
        expect(RIGHT, "out").to_match(RIGHT, rel=1e-9)
        expect("train", "mode").to_equal("train")
        with pytest.raises(Mismatch):
            expect((1, 2, 3), "dx dw").unpack()
    assert len(trace.answers) == 3


FUNCTIONS = {"one": ["f"], "two": ["f"], "net": ["g"], "one[large]": ["f"], "back": ["back"], "again": ["back"]}


def choose(candidates, passed=(), **failed):
    listed = [Candidate(name, function, digests, digests.__getitem__) for name, function, digests in candidates]
    return choose_misconceptions(listed, passed, failed, FUNCTIONS, {"back": "f"})


CHOICES = {
    "the only match": ([("m", "f", {"one": A})], (), {"one": evidence(A)}, {"one": "m"}),
    "another answer": ([("m", "f", {"one": A})], (), {"one": evidence(B)}, {}),
    "either of two runs": ([("m", "f", {"one": A})], (), {"one": evidence(B) + evidence(A)}, {"one": "m"}),
    "a trivial answer": ([("m", "f", {"one": A})], (), {"one": evidence(A, telling=False)}, {}),
    "a match in the run that tells nothing": (
        [("m", "f", {"one": A})],
        (),
        {"one": evidence(A, telling=False) + evidence(B)},
        {},
    ),
    "two variants of one": ([("m", "f", {"one": A}), ("m", "f", {"one": A})], (), {"one": evidence(A)}, {"one": "m"}),
    "two misconceptions": ([("m", "f", {"one": A}), ("n", "f", {"one": A})], (), {"one": evidence(A)}, {}),
    "misconceptions of two functions": ([("m", "f", {"one": A}), ("n", "g", {"one": A})], (), {"one": evidence(A)}, {}),
    "it would fail what passed": ([("m", "f", {"one": A, "two": B})], {"two"}, {"one": evidence(A)}, {}),
    "what passed decides between two": (
        [("m", "f", {"one": A, "two": B}), ("n", "f", {"one": A})],
        {"two"},
        {"one": evidence(A)},
        {"one": "n"},
    ),
    "it would fail otherwise": ([("m", "f", {"one": A, "two": B})], (), {"one": evidence(A), "two": evidence(C)}, {}),
    "another failure beside it": (
        [("m", "f", {"one": A})],
        (),
        {"one": evidence(A), "two": evidence(B)},
        {"one": "m"},
    ),
    "another case of the check, which nothing explains": (
        [("m", "f", {"one": A})],
        (),
        {"one": evidence(A), "one[large]": evidence(B)},
        {},
    ),
    "another case of the check, which another slip explains": (
        [("m", "f", {"one": A}), ("n", "f", {"one[large]": B})],
        (),
        {"one": evidence(A), "one[large]": evidence(B)},
        {"one": "m"},
    ),
    "a slip of a backward pass whose forward pass is wrong, with more than it explains": (
        [("m", "back", {"back": A})],
        (),
        {"one": evidence(B), "back": evidence(A), "again": evidence(C)},
        {},
    ),
    "a slip of a backward pass whose forward pass is wrong, which explains all": (
        [("m", "back", {"back": A, "again": C})],
        (),
        {"one": evidence(B), "back": evidence(A), "again": evidence(C)},
        {"back": "m"},
    ),
    "a slip of a backward pass whose forward pass has one that leaves it right": (
        [("m", "f", {"one": A}), ("n", "back", {"back": B})],
        (),
        {"one": evidence(A), "back": evidence(B), "again": evidence(C)},
        {"one": "m", "back": "n"},
    ),
    "a slip of a backward pass whose forward pass has one that makes it wrong": (
        [("m", "f", {"one": A, "back": C}), ("n", "back", {"back": B})],
        (),
        {"one": evidence(A), "back": evidence(B), "again": evidence(C)},
        {"one": "m"},
    ),
    "it explains more": (
        [("m", "f", {"one": A}), ("n", "f", {"one": A, "two": B})],
        (),
        {"one": evidence(A), "two": evidence(B)},
        {"one": "n"},
    ),
    "a check that did not run": ([("m", "f", {"one": A, "two": B})], (), {"one": evidence(A)}, {"one": "m"}),
    "one name a function, where it was found first": (
        [("m", "f", {"one": A, "two": B})],
        (),
        {"two": evidence(B), "one": evidence(A)},
        {"two": "m"},
    ),
    "two slips in one function": (
        [("m", "f", {"one": A}), ("n", "f", {"two": B})],
        (),
        {"one": evidence(A), "two": evidence(B)},
        {"one": "m"},
    ),
    "slips in two functions": (
        [("m", "f", {"one": A}), ("n", "g", {"net": B})],
        (),
        {"one": evidence(A), "net": evidence(B)},
        {"one": "m", "net": "n"},
    ),
    "its own check alone contradicts": (
        [("m", "f", {"one": A, "net": B})],
        {"net"},
        {"one": evidence(A)},
        {"one": "m"},
    ),
    "a helper's slip, seen in the net only": ([("m", "f", {"net": B})], (), {"net": evidence(B)}, {"net": "m"}),
    "a helper's slip that the net does not show": ([("m", "f", {"net": B})], {"net"}, {"one": evidence(B)}, {}),
    "a trivial answer beside a telling one": (
        [("m", "f", {"one": A, "two": B})],
        (),
        {"one": evidence(A, telling=False), "two": evidence(B)},
        {"two": "m"},
    ),
    "told by another function's check only": (
        [("m", "f", {"one": A, "net": B})],
        (),
        {"one": evidence(A, telling=False), "net": evidence(B)},
        {},
    ),
    "another function's slip explains more, though no check of it tells": (
        [("m", "f", {"one": A}), ("n", "g", {"one": A, "net": B})],
        (),
        {"one": evidence(A), "net": evidence(B, telling=False)},
        {},
    ),
    "another function's slip would explain more, but its check passed": (
        [("m", "f", {"one": A}), ("n", "g", {"one": A, "net": B})],
        {"net"},
        {"one": evidence(A)},
        {"one": "m"},
    ),
    "nothing is known": ([], (), {"one": evidence(A)}, {}),
}


def test_a_variant_is_asked_no_more_once_it_is_contradicted():
    asked, failed = [], {"one": evidence(B), "two": evidence(B), "net": evidence(B)}
    candidate = Candidate("m", "f", ["net", "two", "one"], lambda check: asked.append(check) or A)
    assert choose_misconceptions([candidate], (), failed, FUNCTIONS) == {} and asked == ["one"]
    assert choose_misconceptions([candidate], {"two"}, {"one": evidence(A)}, FUNCTIONS) == {} and asked == ["one"]


@pytest.mark.parametrize("name", CHOICES)
def test_only_what_every_check_of_the_function_bears_out_is_named(name):
    candidates, passed, failed, named = CHOICES[name]
    assert choose(candidates, passed, **failed) == named
