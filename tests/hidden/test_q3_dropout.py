"""Q3, instructors only: images, test mode there and back, and dropout beside batch normalization."""

import numpy as np

from grader.checks import expect, points
from tests.public.shared import VALUE
from tests.public.test_q3_dropout import (
    NET,
    backward,
    compare_gradients,
    compare_loss,
    draw_units,
    draw_wide,
    train,
    train_nets,
)


@points(0.25, "layers.dropout_forward", "layers.dropout_backward")
def test_dropout_of_images(student, rng):
    """In train mode, dropout drops single values of 4-D input, and dx has its shape"""
    dout, dx, factor = backward(student, rng, 3, 2, 5, 4)
    expect(dx, "dx").to_match(dout * factor, rel=VALUE)


@points(0.25, "layers.dropout_forward", "layers.dropout_backward")
def test_dropout_backward_test(student, rng):
    """After a forward pass in test mode, dropout_backward returns dout as it is; it takes the cache of p = 1 too"""
    x, dout = draw_units(rng, 6, 7), rng.randn(6, 7)
    train(student, x, p=0.6)
    _, cache = student.layers.dropout_forward(x, {"mode": "test", "p": 0.3})
    expect(student.layers.dropout_backward(dout, cache), "dx").to_match(dout, rel=VALUE)
    # what it makes of that one is the claim of other checks
    _, cache = student.layers.dropout_forward(x, {"mode": "train", "p": 1.0})
    expect(student.layers.dropout_backward(dout, cache), "dx where p = 1").to_have_shape(dout.shape)


@points(0.25, f"{NET}.loss")
def test_net_drops_after_normalization(student, reference, rng):
    """With batch normalization too, each hidden layer is affine, normalization, ReLU, dropout, there and back"""
    arrays = draw_wide(rng, n=30)
    compare_loss(student, reference, *arrays, ratio=0.7, normalization="batchnorm")
    if are_right(train_nets(student, reference, *arrays, ratio=1, normalization="layernorm")):
        compare_loss(student, reference, *arrays, ratio=0.7, normalization="layernorm")
    if not are_right(train_nets(student, reference, *arrays, ratio=0.7), "b2"):
        return  # of which another check tells
    for kind in ("batchnorm", "layernorm"):
        # this gradient comes from dropout and ReLU, and from no normalization yet
        (_, grads), (_, expected) = train_nets(student, reference, *arrays, ratio=0.7, normalization=kind)
        expect(grads.get("beta2"), "grads['beta2']").to_match(expected["beta2"], rel=VALUE)


def are_right(answers, name=""):
    """Returns whether a net's loss, or the named gradient, is that of the reference."""
    got, expected = (grads.get(name) if name else loss for loss, grads in answers)
    return np.shape(got) == np.shape(expected) and np.allclose(got, expected)


@points(0.25, f"{NET}.loss")
def test_net_gradients_of_a_deeper_net(student, reference, rng):
    """With dropout, a network of four layers of different widths has the true gradients of all its parameters"""
    compare_gradients(student, reference, *draw_wide(rng, hidden=(15, 12, 14)), ratio=0.8)
