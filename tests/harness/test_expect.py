"""Each judgement's sentence, and what it lets pass: NaN never, an answer on the edge of its tolerance always."""

import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks import expect
from grader.checks.expect import Mismatch
from grader.sandbox.parent.proxy import Proxy

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
NAN, INF = float("nan"), float("inf")
OF_NAN = "; does an exp overflow, is 0 divided by 0, or the root or log of a negative number taken?"
OF_INFINITY = "; does an exp overflow, or is something divided by 0?"


def remote(kind, label="") -> Proxy:
    return Proxy(SimpleNamespace(modules=set()), 0, kind, label)


def changed(place, value) -> np.ndarray:
    array = A.copy()
    array[place] = value
    return array


def mismatch(judge) -> Mismatch:
    with pytest.raises(Mismatch) as found:
        judge()
    return found.value


OF_INTEGERS = "; is an array made with an integer dtype on the way?"
NO_ARRAY = "dx: is no array of numbers"
NOT_FLOAT = "dx: dtype is not floating point"
MATCHES = {
    "wrong shape": (A[:, :2], A, "dx: shape is (2, 2), expected (2, 3)", "dx: a wrong shape"),
    "no array": (1.0, A, "dx: shape is (), expected (2, 3)", "dx: a wrong shape"),
    "right values in another shape": (
        A.reshape(1, 6),
        A,
        "dx: right values in shape (1, 6), expected (2, 3)",
        "dx: right values in another shape",
    ),
    "one axis too many": (
        A[0][None],
        A[0],
        "dx: right values in shape (1, 3), expected (3,)",
        "dx: right values in another shape",
    ),
    "transposed": (
        A.T,
        A,
        "dx: right values but transposed: shape is (3, 2), expected (2, 3)",
        "dx: right values but transposed",
    ),
    "integers": (A.astype(int), A, f"dx: dtype is int64, expected floating point{OF_INTEGERS}", NOT_FLOAT),
    "booleans": (True, np.array(1.0), "dx: dtype is bool, expected floating point", NOT_FLOAT),
    "a NaN": (
        changed((1, 2), NAN),
        A,
        f"dx: 1 of 6 values are NaN, first at (1, 2){OF_NAN}",
        "dx: has NaN values",
    ),
    "NaN and infinity": (
        changed(0, [INF, NAN, 1]),
        A,
        f"dx: 2 of 6 values are NaN, first at (0, 0){OF_NAN}",
        "dx: has NaN values",
    ),
    "infinity": (
        changed((0, 1), -INF),
        A,
        f"dx: 1 of 6 values are infinite, first at (0, 1){OF_INFINITY}",
        "dx: has infinite values",
    ),
    "NaN of one": (np.array([NAN]), np.array([1.0]), f"dx: is NaN{OF_NAN}", "dx: has NaN values"),
    "NaN alone": (
        NAN,
        np.array(1.0),
        f"dx: is NaN{OF_NAN}",
        "dx: has NaN values",
    ),
    "infinity alone": (
        INF,
        np.array(1.0),
        f"dx: is infinite{OF_INFINITY}",
        "dx: has infinite values",
    ),
    "None": (None, A, "dx: is None; is a return or an assignment missing?", None),
    "text": ("abc", A, "dx: is a str, expected an array of numbers", NO_ARRAY),
    "dict": ({"dx": A}, A, "dx: is a dict, expected an array of numbers", NO_ARRAY),
    "tuple": ((A, A), A, "dx: is a tuple, expected an array of numbers", NO_ARRAY),
    "list": ([1.0, 2.0], A[0, :2], "dx: is a list, expected an array of numbers", NO_ARRAY),
    "proxy": (
        remote("generator"),
        A,
        "dx: is a generator, expected an array of numbers; np.array(list(…)) makes an array of it",
        NO_ARRAY,
    ),
    "proxy with a name": (
        remote("function", "shapes.area"),
        A,
        "dx: is function shapes.area, expected an array",
        NO_ARRAY,
    ),
    "objects": (
        remote("array of dtype object"),
        A,
        "dx: is an array of Python objects, expected an array of numbers; "
        "are its rows of different lengths, or is None in it?",
        NO_ARRAY,
    ),
    "too large an error": (
        changed((1, 0), 4.6),
        A,
        "dx: relative error 1.0e-01 (allowed 1e-06), worst at (1, 0): got 4.6, expected 4",
        "dx: relative error about 1e-01 (allowed 1e-06)",
    ),
    "a wrong number": (
        3.5,
        np.array(3.0),
        "dx: relative error 1.7e-01 (allowed 1e-06): got 3.5, expected 3",
        "dx: relative error about 1e-01 (allowed 1e-06)",
    ),
    "zero expected": (
        np.array([0.0, 1e-12]),
        np.zeros(2),
        "dx: relative error 1.0e+288 (allowed 1e-06), worst at (1): got 1e-12, expected 0",
        "dx: relative error above 10 (allowed 1e-06)",
    ),
    "a multiple": (
        3 * A,
        A,
        "dx: relative error 2.0e+00 (allowed 1e-06), worst at (1, 2): got 18, expected 6; "
        "every value is 3 times the right one",
        "dx: relative error about 1e+00 (allowed 1e-06); every value is off by the same factor",
    ),
    "opposite sign": (
        -A,
        A,
        "worst at (1, 2): got -6, expected 6; the sign is opposite everywhere",
        "dx: relative error about 1e+00 (allowed 1e-06); the sign is opposite everywhere",
    ),
    "infinity expected": (
        np.array([2.0, 1.0]),
        np.array([INF, 1.0]),
        "dx: relative error inf (allowed 1e-06), worst at (0): got 2, expected inf",
        "dx: relative error above 10 (allowed 1e-06)",
    ),
    "NaN where infinity is expected": (
        np.array([NAN, 1.0]),
        np.array([INF, 1.0]),
        "dx: relative error nan (allowed 1e-06), worst at (0): got nan, expected inf",
        "dx: relative error above 10 (allowed 1e-06)",
    ),
}


@pytest.mark.parametrize("got, wanted, sentence, brief", MATCHES.values(), ids=MATCHES)
def test_to_match_says_what_is_wrong(got, wanted, sentence, brief):
    found = mismatch(lambda: expect(got, "dx").to_match(wanted, rel=1e-6))
    assert sentence in found.message
    assert found.brief == (brief or found.message)
    assert str(found) == found.message


@pytest.mark.parametrize("got, wanted, sentence, brief", MATCHES.values(), ids=MATCHES)
def test_only_picks_one_of_several_answers(got, wanted, sentence, brief):
    mismatch(lambda: expect((got, A), "dx dw").to_match((wanted, A), rel=1e-6))
    expect((got, A), "dx dw", only="dw").to_match((wanted, A), rel=1e-6)


def test_only_has_to_be_one_of_the_names():
    with pytest.raises(ValueError, match="only='dz' is none of dx dw"):
        expect((A, A), "dx dw", only="dz").to_match((A, A), rel=1e-6)


def test_error_and_allowance_stand_in_the_mismatch():
    found = mismatch(lambda: expect(changed((1, 0), 4.6), "dx").to_match(A, rel=1e-6))
    assert found.error == pytest.approx(0.1)
    assert found.allowed == 1e-6
    assert mismatch(lambda: expect(None, "dx").to_match(A, rel=1e-6)).error is None


def test_brief_holds_no_value_and_no_place():
    wanted = np.array([0.8174, -2.3651, 5.9283])
    for got in [wanted + np.array([0, 1.234, 0]), wanted * 1.5, wanted[:2], wanted * NAN, wanted.astype(int)]:
        brief = mismatch(lambda: expect(got, "dx").to_match(wanted, rel=1e-6)).brief
        assert not re.search(r"8174|3651|9283|at \(|got|expected \d", brief)


def test_no_hint_where_the_answer_only_just_misses():
    assert "times" not in mismatch(lambda: expect(A * (1 + 1e-5), "dx").to_match(A, rel=1e-6)).message


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@given(place=st.integers(0, 5), rel=st.sampled_from([0.0, 1e-9, 1.0, 1e300]))
def test_what_is_not_finite_never_matches(bad, place, rel):
    array = A.copy()
    array.flat[place] = bad
    mismatch(lambda: expect(array, "dx").to_match(A, rel=rel))
    mismatch(lambda: expect(array, "dx").to_equal(A))


@pytest.mark.parametrize("wanted", [np.array([NAN, 1.0]), np.array([INF, 1.0]), np.array(NAN)])
def test_nan_never_matches_whatever_is_expected(wanted):
    mismatch(lambda: expect(np.full(wanted.shape, NAN), "dx").to_match(wanted, rel=1e300))


def test_expected_infinity_is_matched_by_itself():
    expect(np.array([INF, -INF, 2.0]), "dx").to_match(np.array([INF, -INF, 2.0]), rel=0.0)
    mismatch(lambda: expect(np.array([INF, INF]), "dx").to_match(np.array([INF, -INF]), rel=1.0))


@pytest.mark.parametrize("error, passes", [(0.25, True), (0.2500001, False), (0.0, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_edge_of_the_tolerance(error, passes, sign):
    """The error is relative to the largest value expected: 0.25 * 8 may be missing anywhere."""
    wanted = np.array([8.0, 0.0, -1.0])
    got = wanted + np.array([0, sign * error * 8, 0])
    if passes:
        expect(got, "dx").to_match(wanted, rel=0.25)
    else:
        mismatch(lambda: expect(got, "dx").to_match(wanted, rel=0.25))


def test_scale_is_the_least_that_errors_are_measured_against():
    wanted = np.array([0.0, 0.5])
    expect(wanted + 0.25, "dx").to_match(wanted, rel=0.25, scale=1.0)
    mismatch(lambda: expect(wanted + 0.25, "dx").to_match(wanted, rel=0.25))
    expect(np.array([4.0]), "dx").to_match(np.array([5.0]), rel=0.2, scale=1.0)


def test_zero_tolerance_means_equality():
    expect(A.copy(), "dx").to_match(A, rel=0.0)
    found = mismatch(lambda: expect(np.nextafter(A, 9), "dx").to_match(A, rel=0.0))
    assert found.message.startswith("dx: differs, worst at")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_floating_type_may_hold_the_answer(dtype):
    expect(A.astype(dtype), "dx").to_match(A, rel=1e-12)
    expect(np.float64(3.0), "loss").to_match(3.0, rel=1e-12)
    expect(np.zeros((0, 3)), "dx").to_match(np.zeros((0, 3)), rel=1e-12)
    mismatch(lambda: expect(np.zeros((3, 0)), "dx").to_match(np.zeros((0, 4)), rel=1e-12))


def test_integers_may_be_matched_by_any_number():
    expect(np.array([1, 2]), "n").to_match(np.array([1, 2]), rel=0.0)
    expect(np.array([1.0, 2.0]), "n").to_match(np.array([1, 2]), rel=0.0)


@pytest.mark.parametrize(
    "got, sentence",
    [
        (A, "returned 1 value, expected 2 (dx, dw)"),
        ((A,), "returned 1 value, expected 2 (dx, dw)"),
        ((A, A, A), "returned 3 values, expected 2 (dx, dw)"),
        (None, "returned None, expected 2 values (dx, dw); is a return missing?"),
        (3.0, "returned 1 value, expected 2 (dx, dw)"),
        (remote("dict"), "returned one dict, expected 2 values (dx, dw); return a tuple of them"),
        (remote("set"), "returned one set, expected 2 values (dx, dw); return a tuple of them"),
    ],
)
def test_wrong_number_of_values(got, sentence):
    assert mismatch(lambda: expect(got, "dx dw").to_match((A, A), rel=1e-6)).message == sentence


@pytest.mark.parametrize(
    "got, sentence",
    [
        (np.zeros(3), "returned 1 value, expected 2 (loss, dx)"),
        (None, "returned None, expected 2 values (loss, dx); is a return missing?"),
        ((1.0, 2.0, 3.0), "returned 3 values, expected 2 (loss, dx)"),
    ],
)
def test_unpack_names_the_values_that_are_missing(got, sentence):
    assert mismatch(lambda: expect(got, "loss dx").unpack()).message == sentence


ALIKE = {
    "two numbers": (lambda: expect(1.00000001, "n").to_equal(1.0), "n: got 1.00000001, expected 1"),
    "just outside": (
        lambda: expect(np.array([1.00000001]), "W").to_lie_within(0, 1),
        "W: got 1.00000001, expected 0 to 1",
    ),
    "just below": (
        lambda: expect(np.array([0.99999999]), "W").to_lie_within(1, 2),
        "W: got 0.99999999, expected 1 to 2",
    ),
    "an interval that is one number": (
        lambda: expect(np.array([0.5]), "b").to_lie_within(0, 0),
        "b: got 0.5, expected 0",
    ),
    "the tolerance": (
        lambda: expect(np.array([1.000010001, 5.0]), "x").to_match(np.array([1.0, 5.0]) - 4e-5, rel=1e-5),
        "x: relative error 1.00003e-05 (allowed 1e-05), worst at (0): got 1.00001, expected 0.99996",
    ),
}


@pytest.mark.parametrize("judge, sentence", ALIKE.values(), ids=ALIKE)
def test_no_two_equal_numbers_in_one_sentence(judge, sentence):
    assert mismatch(judge).message == sentence


@pytest.mark.parametrize("answer", [[1.0, 2.0], [[1.0], [2.0, 3.0]]], ids=["of one shape", "of none"])
def test_list_among_several_results_is_named(answer):
    wanted = np.array([3.0, 4.0]), np.array([5.0, 6.0])
    with pytest.raises(Mismatch, match="dx: is a list, expected an array of numbers"):
        expect((answer, wanted[1]), "dx dw").to_match(wanted, rel=1e-7)


def test_results_in_another_order():
    found = mismatch(lambda: expect((A, A.T), "dw dx").to_match((A.T, A), rel=1e-6))
    assert (found.message, found.brief) == 2 * ("dw: is what dx should be; are the results in another order?",)
    found = mismatch(lambda: expect((A, A), "dw dx").to_match((2 * A, 2 * A), rel=1e-6))
    assert found.message.startswith("dw: relative error")


FACTORS = {2.0: "it is 2 times the right one", 0.25: "it is 0.25 times the right one", -1.0: "the sign is opposite"}


@pytest.mark.parametrize("sides", [(1,), (4, 3)])
def test_an_answer_near_the_largest_float_is_told_as_any_other(sides):
    found = mismatch(lambda: expect(np.full(sides, 1.7e308), "out").to_match(np.full(sides, 3.0), rel=1e-6))
    assert "got 1.7e+308, expected 3" in found.message


@pytest.mark.parametrize("factor, hint", [*FACTORS.items(), (1.7, ""), (2.001, "")])
def test_simple_factor_of_a_single_number(factor, hint):
    found = mismatch(lambda: expect(factor * 3.0, "loss").to_match(3.0, rel=1e-6))
    assert found.message.endswith(f"expected 3{'; ' * bool(hint)}{hint}")
    assert "2" not in found.brief.partition(")")[2]


@pytest.mark.parametrize("got", [(1.0, 2.0), [1.0, 2.0]])
def test_unpack_returns_one_value_for_each_name(got):
    assert expect(got, "loss dx").unpack() == (1.0, 2.0)


def test_numbers_that_look_alike_are_not_shown_twice():
    found = mismatch(lambda: expect(np.array([2.0815812]), "loss").to_match(np.array([2.0815813]), rel=1e-10))
    assert found.message.count("2.08158") == 1
    assert "right but for its last digits; was something rounded, or computed in float32?" in found.message


def test_unpack_takes_a_single_value_as_it_is():
    assert expect(1.0, "dx").unpack() == (1.0,)


def test_list_is_as_good_as_a_tuple():
    expect([A, A], "dx dw").to_match((A, A), rel=1e-6)


def test_names_that_do_not_fit_are_the_checks_fault():
    with pytest.raises(ValueError, match="3 names for 2 expected values"):
        expect((A, A), "dx dw db").to_match((A, A), rel=1e-6)


EQUALS = {
    "number": (3, 4, "n: got 3, expected 4"),
    "text": ("a", "b", "n: got 'a', expected 'b'"),
    "bool for a number": (True, 1, "n: got True, expected 1"),
    "number for a bool": (1, True, "n: got 1, expected True"),
    "None": (None, 4, "n: got None, expected 4"),
    "NaN": (NAN, NAN, "n: got nan, expected nan"),
    "proxy": (remote("dict"), 4, "n: got <dict>, expected 4"),
    "array": (A, 4, "n: got an array of shape (2, 3), expected 4"),
}


@pytest.mark.parametrize("got, wanted, sentence", EQUALS.values(), ids=EQUALS)
def test_to_equal_says_what_is_wrong(got, wanted, sentence):
    found = mismatch(lambda: expect(got, "n").to_equal(wanted))
    assert (found.message, found.brief) == (sentence, "n: a wrong value")


@pytest.mark.parametrize(
    "got, wanted", [(3, 3), (3.0, 3), (np.int64(3), 3), ("a", "a"), (np.True_, True), (None, None)]
)
def test_to_equal_accepts(got, wanted):
    expect(got, "n").to_equal(wanted)


def test_to_equal_compares_arrays_whole():
    expect(A.copy(), "n").to_equal(A)
    assert "n: differs, worst at (0, 0)" in mismatch(lambda: expect(changed((0, 0), 7), "n").to_equal(A)).message


OTHERS = {
    "shape": (lambda: expect(A, "W").to_have_shape((3, 2)), "W: shape is (2, 3), expected (3, 2)"),
    "shape of None": (
        lambda: expect(None, "W").to_have_shape((3, 2)),
        "W: is None; is a return or an assignment missing?",
    ),
    "dtype": (lambda: expect(A, "W").to_have_dtype(np.float32), "W: dtype is float64, expected float32"),
    "finite": (
        lambda: expect(changed((0, 0), NAN), "W").to_be_finite(),
        f"W: 1 of 6 values are NaN, first at (0, 0){OF_NAN}",
    ),
    "too low": (lambda: expect(A, "W").to_lie_within(2, 9), "W: got 1, expected 2 to 9"),
    "too high": (lambda: expect(A, "W").to_lie_within(0, 5.5), "W: got 6, expected 0 to 5.5"),
    "NaN within": (
        lambda: expect(changed((0, 0), NAN), "W").to_lie_within(0, 9),
        f"W: 1 of 6 values are NaN, first at (0, 0){OF_NAN}",
    ),
    "claim": (lambda: expect(A, "W").to_be(False, "is not sorted"), "W: is not sorted"),
}


@pytest.mark.parametrize("judge, sentence", OTHERS.values(), ids=OTHERS)
def test_other_judgements_say_what_is_wrong(judge, sentence):
    assert mismatch(judge).message == sentence


def test_other_judgements_accept():
    expect(A, "W").to_have_shape((2, 3))
    expect(A, "W").to_have_dtype("float64")
    expect(A, "W").to_be_finite()
    expect(A, "W").to_lie_within(1, 6)
    expect(A, "W").to_be(True, "is not sorted")


def test_brief_of_a_range_holds_no_value():
    assert mismatch(lambda: expect(A, "W").to_lie_within(2, 9)).brief == "W: outside of what it may be"


@pytest.mark.parametrize(
    "answer", [np.zeros((2, 3)), A, np.float64(np.float32(A / 7))], ids=["zeros", "few", "float32"]
)
def test_values_that_float32_could_hold_lack_digits(answer):
    found = mismatch(lambda: expect(answer, "dx").to_have_digits_of_float64())
    assert found.message == "dx: float32 could hold every value; is something computed or kept in float32?"


def test_digits_of_float64():
    expect(A / 7, "dx").to_have_digits_of_float64()
    assert mismatch(lambda: expect(np.float32(A / 7), "dx").to_have_digits_of_float64()).message == (
        "dx: dtype is float32, expected float64"
    )


def test_brief_of_a_dtype_names_the_one_expected():
    assert mismatch(lambda: expect(A, "W").to_have_dtype(np.float32)).brief == "W: dtype is not float32"


def test_brief_of_a_claim_is_what_the_check_gives_for_it():
    """A sentence may quote the answer, so without words of its own a claim says only that it does not hold."""
    assert mismatch(lambda: expect(A, "W").to_be(False, f"has {A}")).brief == "W: is not what it should be"
    assert mismatch(lambda: expect(A, "W").to_be(False, f"has {A}", "has too many")).brief == "W: has too many"
    assert Mismatch(f"has {A}").brief == "the answer is not what it should be"


def test_a_place_is_found_without_listing_all():
    """An answer of nothing but NaN could otherwise make the grader list a place for each of its elements."""
    found = mismatch(lambda: expect(np.full((500, 400), NAN), "W").to_be_finite())
    assert found.message == f"W: 200000 of 200000 values are NaN, first at (0, 0){OF_NAN}"


def test_nothing_is_computed_from_an_answer_of_another_shape():
    answers = [np.ones(10**6, np.int8), np.ones((10**3, 10**3)), np.full(10**6, NAN)]
    for answer in answers:
        tracemalloc.start()
        try:
            mismatch(lambda answer=answer: expect(answer, "dx").to_match(A, rel=1e-6))
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()
