"""The numeric gradients are gradients, restore what they perturb, and reject a wrong backward pass."""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from reference import layers
from reference.gradient_check import (
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    eval_numerical_gradient_blobs,
    eval_numerical_gradient_net,
    grad_check_sparse,
)


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3), ()])
def test_scalar_function(shape):
    x = np.array(normal(*shape))
    before = x.copy()
    assert np.abs(eval_numerical_gradient(lambda x: np.sum(x**3), x, verbose=False) - 3 * x**2).max() < 1e-8
    assert (x == before).all()


def test_verbose_prints_one_line_an_entry(capsys):
    eval_numerical_gradient(np.sum, np.zeros((2, 3)))
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_array_function_on_a_view():
    x = normal(3, 4).T
    df = normal(4, 3)
    assert np.abs(eval_numerical_gradient_array(np.tanh, x, df) - df * (1 - np.tanh(x) ** 2)).max() < 1e-8


def test_a_function_that_returns_its_argument_has_gradient_one():
    assert np.allclose(eval_numerical_gradient_array(lambda x: x, np.zeros(3), np.ones(3)), 1)


def test_perturbation_is_in_place():
    gamma = normal(5)
    x, dout = normal(4, 5), normal(4, 5)

    def out():
        return layers.layernorm_forward(x, gamma, np.zeros(5), {})

    numeric = eval_numerical_gradient_array(lambda _: out()[0], gamma, dout)
    assert np.abs(numeric - layers.layernorm_backward(dout, out()[1])[1]).max() < 1e-8


def test_an_entry_is_restored_when_the_function_raises():
    x = normal(3)
    before = x.copy()
    with pytest.raises(ZeroDivisionError):
        eval_numerical_gradient(lambda x: 1 // 0, x, verbose=False)
    assert (x == before).all()


def test_blobs_and_net():
    a, b = (SimpleNamespace(vals=normal(2, 3) + k, diffs=np.zeros((2, 3))) for k in range(2))
    output = SimpleNamespace(vals=np.zeros((2, 3)), diffs=normal(2, 3))

    def multiply(a, b, output):
        output.vals[:] = a.vals * b.vals

    net = SimpleNamespace(forward=lambda: multiply(a, b, output))
    for numeric in (
        eval_numerical_gradient_blobs(multiply, (a, b), output),
        eval_numerical_gradient_net(net, [a, b], output),
    ):
        assert np.abs(numeric[0] - b.vals * output.diffs).max() < 1e-8
        assert np.abs(numeric[1] - a.vals * output.diffs).max() < 1e-8


def errors_printed(out):
    return [float(line.rsplit(" ", 1)[1]) for line in out.splitlines()]


def test_sparse_check_accepts_the_right_gradient_and_rejects_a_wrong_one(capsys):
    x = normal(3, 4)
    grad_check_sparse(lambda x: np.sum(x**2), x, 2 * x, num_checks=5)
    right = errors_printed(capsys.readouterr().out)
    grad_check_sparse(lambda x: np.sum(x**2), x, 2.1 * x, num_checks=5)
    wrong = errors_printed(capsys.readouterr().out)
    assert len(right) == len(wrong) == 5 and max(right) < 1e-7 and min(wrong) > 1e-2


def test_sparse_check_takes_a_generator_and_agrees_on_zeros(capsys):
    x = np.arange(6.0)
    for _ in range(2):
        grad_check_sparse(lambda x: 0.0 * np.sum(x), x, np.zeros(6), rng=random.Random(4))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:10] == lines[10:]
    assert set(lines) == {"numerical: 0.000000 analytic: 0.000000, relative error: 0.000000e+00"}
