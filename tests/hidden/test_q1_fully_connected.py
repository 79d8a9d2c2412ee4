"""Q1, hidden: deeper nets, unusual sizes and scores, and gradients of zero."""

from itertools import pairwise

import numpy as np

from grader.checks import expect, points
from tests.public.shared import DIGITS, VALUE, build, draw_net, make_net, plain, worth
from tests.public.test_q1_fully_connected import (
    INIT,
    LOSS,
    RESULTS,
    STATES,
    draw_arrays,
    draw_config,
    draw_step,
    expect_drawn_weights,
    expect_unmoved,
    penalty,
    results,
)

DEEP = (6, 9, 8, 10)


@worth("function", {"affine_forward": 0.25, "affine_backward": 0.25}, "layers.{}")
def test_affine_5d(student, reference, rng, function):
    """{function} is right in values and shapes for samples of any number of axes and a single output"""
    arrays = draw_arrays(rng, function, n=4, d=(3, 1, 2, 5), m=1, bias=0.0)
    got, expected = results(student, function, arrays), results(reference, function, arrays)
    for name, ours, theirs in zip(RESULTS[function].split()[:2], got, expected, strict=False):
        expect(ours, name).to_match(theirs, rel=VALUE)


@points(0.25, "layers.softmax_loss")
def test_softmax_scores_of_different_size(student, reference, rng):
    """softmax_loss does not change when samples' scores move far apart, nor by far lower classes, and has no bound"""
    arrays = draw_arrays(rng, "softmax_loss", n=4)
    levels = np.array([[-1500.0], [0.0], [700.0], [1500.0]])
    expect_unmoved(student, arrays, np.hstack([arrays["x"], arrays["x"] - 1500]) + levels)
    (usual, _), (expected, _) = (results(package, "softmax_loss", arrays) for package in (student, reference))
    if not np.allclose(usual, expected, rtol=DIGITS, atol=0):
        return  # of which another check tells
    arrays["x"][np.arange(4), arrays["y"]] -= 40  # so the true class is as probable as 1 in 10 ** 17
    (loss, _), (expected, _) = (results(package, "softmax_loss", arrays) for package in (student, reference))
    expect(plain(loss), "loss").to_match(expected, rel=VALUE)


@points(0.25, INIT)
def test_deep_net_parameters(student):
    """FullyConnectedNet has the parameters of all its layers in a net of five"""
    net = make_net(student, (7, *DEEP, 4))
    expect_drawn_weights(net)
    params = net.params
    for i, (inputs, outputs) in enumerate(pairwise([7, *DEEP, 4]), start=1):
        expect(params[f"W{i}"].size, f"number of entries of W{i}").to_equal(inputs * outputs)
        expect(params[f"b{i}"].size, f"number of entries of b{i}").to_equal(outputs)


@points(0.25, LOSS)
def test_deep_net_scores(student, reference, rng):
    """FullyConnectedNet.loss without y returns the scores of a net of five layers"""
    X, _, params = draw_net(rng, DEEP, bias=1.0)
    expect(build(student, params).loss(X), "scores").to_match(build(reference, params).loss(X), rel=VALUE)


@points(0.25, LOSS)
def test_deep_net_loss(student, reference, rng):
    """FullyConnectedNet.loss returns the right loss of a net of five layers"""
    X, y, params = draw_net(rng, DEEP)
    (loss, _), (expected, _) = (build(package, params).loss(X, y) for package in (student, reference))
    expect(plain(loss), "loss").to_match(expected, rel=VALUE)


@worth("kind", {"W": 0.25, "b": 0.25}, LOSS)
def test_deep_net_gradients(student, reference, rng, kind):
    """FullyConnectedNet.loss returns the true gradients of {kind}1 to {kind}5 of a net of five layers"""
    X, y, params = draw_net(rng, DEEP)
    (_, grads), (_, expected) = (build(package, params).loss(X, y) for package in (student, reference))
    for i in range(1, 6):
        expect(plain(grads[f"{kind}{i}"]), f"grads['{kind}{i}']").to_match(expected[f"{kind}{i}"], rel=VALUE)


@points(0.25, LOSS)
def test_deep_net_regularized_loss(student, rng):
    """FullyConnectedNet.loss regularizes the weights of every layer of a net of eleven"""
    X, y, params = draw_net(rng, 5 * (6, 4))  # two digits in a name
    expected = 0.5 * 1.3 * sum(np.sum(params[f"W{i}"] ** 2) for i in range(1, 12))
    expect(penalty(student, params, X, y, reg=1.3), "loss added by reg").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
def test_net_single_sample(student, reference, rng):
    """FullyConnectedNet.loss returns scores of the shape (1, C) for a single sample"""
    X, _, params = draw_net(rng, (6,), n=1)
    expect(build(student, params).loss(X), "scores").to_match(build(reference, params).loss(X), rel=VALUE)


@worth("rule", {"rmsprop": 0.25, "adam": 0.25}, "optim.{}")
def test_update_epsilon(student, reference, rng, rule):
    """{rule} adds epsilon to the root, outside it, and so leaves w where it is where all gradients were 0"""
    (w, dw), config = draw_step(rng), draw_config(rng, rule) | {"epsilon": 0.5}
    for array in (dw, *(config[name] for name in STATES[rule])):
        array[0] = 0
    (next_w, _), (expected, _) = (getattr(package.optim, rule)(w, dw, config) for package in (student, reference))
    expect(next_w, "next_w").to_match(expected, rel=VALUE)
