"""Q3, instructors only: images, test mode there and back, and dropout beside batch normalization."""

import numpy as np

from grader.checks import expect, points
from tests.public.test_q3_dropout import NET, build_net, compare_gradients, draw_net, draw_units, train


@points(0.25, "layers.dropout_forward", "layers.dropout_backward")
def test_dropout_of_images(student, rng):
    """In train mode, dropout drops single values of 4-D input, and dx has its shape"""
    x, dout = draw_units(rng, 3, 2, 5, 4), rng.randn(3, 2, 5, 4)
    out, cache = student.layers.dropout_forward(x, {"mode": "train", "p": 0.5})
    expect(out, "out").to_have_shape(x.shape)
    expect(student.layers.dropout_backward(dout, cache), "dx").to_match(dout * (out / x), rel=1e-9)


@points(0.25, "layers.dropout_forward", "layers.dropout_backward")
def test_dropout_backward_test(student, rng):
    """After a forward pass in test mode, dropout_backward returns dout as it is"""
    x, dout = draw_units(rng, 6, 7), rng.randn(6, 7)
    _, cache = student.layers.dropout_forward(x, {"mode": "test", "p": 0.3})
    expect(student.layers.dropout_backward(dout, cache), "dx").to_match(dout, rel=1e-12)


@points(0.25, f"{NET}.loss")
def test_net_drops_after_normalization(student, reference, rng):
    """With batch normalization too, each hidden layer is affine, normalization, ReLU, dropout, in this order"""
    X, y, params = draw_net(rng, n=30)
    layers, h, ones, zeros = reference.layers, X, np.ones(20), np.zeros(20)
    for i in (1, 2):
        a, _ = layers.affine_forward(h, params[f"W{i}"], params[f"b{i}"])
        normal, _ = student.layers.batchnorm_forward(a, ones, zeros, {"mode": "train"})
        r, _ = layers.relu_forward(normal)
        h = r * train(student, np.ones(r.shape), 0.7, seed=5)
    scores, _ = layers.affine_forward(h, params["W3"], params["b3"])
    expected, _ = layers.softmax_loss(scores, y)
    loss, _ = build_net(student, params, ratio=0.7, normalization="batchnorm").loss(X, y)
    expect(loss, "loss").to_match(expected, rel=1e-7)


@points(0.25, f"{NET}.loss")
def test_net_gradients_of_a_deeper_net(student, reference, rng):
    """With dropout, a network of four layers of different widths has the true gradients of all its parameters"""
    hidden = (15, 12, 14)
    compare_gradients(student, reference, *draw_net(rng, hidden), "Wb", ratio=0.8, hidden=hidden)
