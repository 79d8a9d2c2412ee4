"""Q1: fully connected layers, the softmax loss, the network made of them and the update rules."""

import math

import pytest

from grader.checks import expect, points


def draw_affine(rng, n=3, d=(2, 4), m=5):
    """Returns x (n, *d), w (prod d, m), b (m,)."""
    return rng.randn(n, *d), rng.randn(math.prod(d), m), rng.randn(m)


@points(1, "layers.affine_forward")
def test_affine_forward(student, reference, rng):
    """affine_forward returns xw + b"""
    x, w, b = draw_affine(rng)
    out, _ = student.layers.affine_forward(x, w, b)
    expected, _ = reference.layers.affine_forward(x, w, b)
    expect(out, "out").to_match(expected, rel=1e-9)


@points(0.5, "layers.affine_backward")
@pytest.mark.parametrize("gradient", ["dx", "dw", "db"])
def test_affine_backward(student, reference, rng, gradient):
    """affine_backward returns the true gradient {gradient}"""
    x, w, b = draw_affine(rng)
    dout = rng.randn(3, 5)
    _, cache = student.layers.affine_forward(x, w, b)
    _, reference_cache = reference.layers.affine_forward(x, w, b)
    expected = reference.layers.affine_backward(dout, reference_cache)
    expect(student.layers.affine_backward(dout, cache), "dx dw db", only=gradient).to_match(expected, rel=1e-9)
