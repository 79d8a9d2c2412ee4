"""Q4, hidden: unusual strides, windows and sizes, and promises of the net that the notebook relies on."""

import numpy as np

from grader.checks import expect, points
from tests.public.test_q4_convolution import (
    BIASES,
    LOSS,
    NORMALIZED,
    VALUE,
    build,
    draw_conv,
    draw_groups,
    draw_net,
    draw_pool,
    gradients,
    layers,
    loss_and_gradients,
    output,
)

ODD_CONV = {"n": 7, "c": 2, "h": 10, "w": 16, "f": 8, "hh": 3, "ww": 6, "stride": 3, "pad": 1}
ODD_POOL = {"n": 7, "c": 6, "h": 9, "w": 19, "height": 3, "width": 5, "stride": 2}


def odd(sizes, name):
    """Returns odd sizes for a layer; its stride leaves rows over where it is naive, as fast layers refuse them."""
    return sizes | {"h": sizes["h"] + sizes["stride"] - 1} if "naive" in name else sizes


@layers((0.25, "conv_forward_naive", ["odd sizes"]), (0.25, "conv_forward_fast", ["odd sizes"]))
def test_convolution(student, reference, rng, name, case):
    """{name} is right with several {case} at once: stride, filters, images of any order; a fast layer takes one too"""
    (x, *others), _ = draw_conv(rng, **odd(ODD_CONV, name))
    expected = output(reference, "conv_forward_naive", x, *others)
    for stored in x, student.keep(student.library("numpy").asfortranarray, x):
        expect(output(student, name, stored, *others), "out").to_match(expected, rel=VALUE)
    if "fast" in name:  # another check tells of the naive layer
        expect(output(student, name, x[:1], *others), "out of a single image").to_match(expected[:1], rel=VALUE)


@layers((0.25, "conv_backward_naive", ["odd sizes"]), (0.25, "conv_backward_fast", ["odd sizes"]))
def test_convolution_gradient(student, reference, rng, name, case):
    """{name} returns the true gradient dx with several {case} at once: stride, filters; the fast layer takes one too"""
    for n in (7,) if "naive" in name else (7, 1):  # another check tells of the naive layer
        arguments, dout = draw_conv(rng, **odd(ODD_CONV | {"n": n}, name))
        expected = gradients(reference, "conv_backward_naive", arguments, dout)
        expect(gradients(student, name, arguments, dout), "dx dw db", only="dx").to_match(expected, rel=VALUE)


@points(0.25, "layers.conv_backward_naive")
def test_convolution_gradient_single_image(student, reference, rng):
    """conv_backward_naive returns the true gradient dx for a single image"""
    arguments, dout = draw_conv(rng, n=1)
    got, expected = (gradients(package, "conv_backward_naive", arguments, dout) for package in (student, reference))
    expect(got, "dx dw db", only="dx").to_match(expected, rel=VALUE)


@layers((0.15, "max_pool_forward_naive", ["negative"]), (0.1, "max_pool_forward_fast", ["negative"]))
def test_max_pooling(student, reference, rng, name, case):
    """{name} returns the maximum also of windows that hold nothing but {case} entries, of a single image"""
    (x, pool_param), _ = draw_pool(rng, n=1, **odd({"h": 6, "stride": 2}, name))
    arguments = -1e4 * x, pool_param  # below what a search could start from in place of minus infinity
    expected = output(reference, "max_pool_forward_naive", *arguments)
    expect(output(student, name, *arguments), "out").to_match(expected, rel=VALUE)


@layers((0.25, "max_pool_backward_naive", ["odd sizes"]), (0.25, "max_pool_backward_fast", ["odd sizes"]))
def test_max_pooling_gradient(student, reference, rng, name, case):
    """{name} returns the true gradient with several {case} at once: overlapping, non-square windows, a single image"""
    for n in 7, 1:
        arguments, dout = draw_pool(rng, **odd(ODD_POOL | {"n": n}, name))
        expected = gradients(reference, "max_pool_backward_naive", arguments, dout)
        expect(gradients(student, name, arguments, dout), "dx").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
def test_net_unregularized_biases(student, rng):
    """reg regularizes the weights only: it adds nothing to the loss and the gradients on account of the biases"""
    X, y, params = draw_net(rng)
    other = params | {name: 3 * params[name] for name in BIASES}
    added = []
    for chosen in params, other:
        (plain, plain_grads), (loss, grads) = (loss_and_gradients(student, X, y, chosen, reg) for reg in (0.0, 0.6))
        added.append(loss - plain)
        for name in BIASES:
            expect(grads[name], f"gradient of {name} with reg").to_match(plain_grads[name], rel=VALUE)
    expect(added[0], "what reg adds to the loss").to_be(added[0] > 1e-6, "is nothing")
    expect(added[1], "what reg adds to the loss with larger biases").to_match(added[0], rel=VALUE)


@points(0.25, LOSS)
def test_net_reg_of_now(student, rng):
    """loss reads the net's reg at each call, so that one assigned later counts, and starts its gradients anew"""
    X, y, params = draw_net(rng)
    net = build(student, X, params)
    before, _ = net.loss(X, y)
    net.reg = 0.6
    after, grads = net.loss(X, y)
    expect(after, "the loss after reg was raised").to_be(after > before + 1e-6, "is no larger than before it")
    grads, (_, fresh) = student.fetch(grads), loss_and_gradients(student, X, y, params, 0.6)
    for name in [name for name in params if name in grads]:
        expect(grads[name], f"gradient of {name} in the second call").to_match(fresh[name], rel=VALUE)


@points(0.25, LOSS)
def test_net_initial_loss(student, rng):
    """The loss of a fresh net is about the logarithm of the number of classes, as of one that guesses"""
    net = student.classifiers.cnn.ThreeLayerConvNet((3, 8, 8), 6, 3, 20, 10)
    loss, grads = net.loss(rng.randn(20, 3, 8, 8), rng.randint(10, size=20))
    expect(loss, "loss").to_lie_within(np.log(10) - 0.05, np.log(10) + 0.05)
    expect(student.fetch(grads).get("b3"), "gradient of b3").to_be_computed_from()


@layers((0.25, "spatial_groupnorm_backward", ["three groups"]))
def test_groupnorm_gradient(student, reference, rng, name, case):
    """{name} returns the true gradient dx with {case}, and for a single image"""
    for n in 4, 1:
        *arrays, dout = draw_groups(rng, n=n)
        got, expected = (gradients(package, name, (*arrays, 3, {}), dout) for package in (student, reference))
        expect(got, "dx dgamma dbeta", only="dx").to_match(expected, rel=NORMALIZED)
