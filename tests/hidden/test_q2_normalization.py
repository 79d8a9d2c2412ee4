"""Q2, instructors only: odd sizes, many batches, float32 and deeper networks."""

import numpy as np

from grader.checks import expect, points
from tests.public.shared import VALUE, plain, worth
from tests.public.test_q2_normalization import (
    NET,
    ROUGH,
    STATISTICS,
    build_net,
    compare_arguments,
    compare_gradients,
    compare_net_gradients,
    compare_precision,
    compare_with_slope,
    draw_norm,
    draw_normalized_net,
    each_backward,
    forward_pass,
    kinds,
)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_of_one_sample(student, rng):
    """In train mode, batchnorm_forward returns beta for a batch of one sample"""
    x, gamma, beta = draw_norm(rng, n=1)
    out, _ = student.layers.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    expect(out, "out").to_match(beta.reshape(1, 5), rel=VALUE)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_tracks_many_batches(student, reference, rng):
    """The running mean follows batches of different sizes, and test mode uses what they left behind"""
    sizes = 2.0 ** np.arange(5)  # over many batches, only a size of its own tells one feature from another
    batches = [(sizes * x, gamma, beta) for x, gamma, beta in (draw_norm(rng, n=n) for n in range(200, 300, 10))]
    x, gamma, beta = draw_norm(rng, n=4)
    x = sizes * (x + 8 * rng.randn(*x.shape))  # which moves the variance far, if test mode tracks it too
    outs = []
    for package in (student, reference):
        bn_param = package.put({"mode": "train"})
        for batch in batches:
            package.layers.batchnorm_forward(*batch, bn_param)
        bn_param["mode"] = "test"
        outs.append(forward_pass(package, "batchnorm_forward", x, gamma, beta, bn_param)[0])
    # twice what a variance over N - 1 of 200 samples costs, which another check judges
    expect(outs[0], "out").to_match(outs[1], rel=ROUGH / 2)


@points(0.25, "layers.batchnorm_backward_alt")
def test_batchnorm_backward_alt_obeys_eps(student, reference, rng):
    """With an eps given in bn_param, dx and dgamma of batchnorm_backward_alt fit what your own forward pass does"""
    compare_with_slope(student, reference, rng, "batchnorm_backward_alt")


@each_backward
def test_batchnorm_gradient_of_one_feature(student, reference, rng, backward):
    """{backward} returns the true gradient dx of a single feature"""
    compare_gradients(student, reference, rng, backward, "dx", rel=ROUGH, d=1)


@worth("function", {"layernorm_forward": 0.25, "layernorm_backward": 0.25}, "layers.{}", promise="precision")
def test_precision(student, reference, rng, function):
    """{function} rounds nothing off: float32 gives float32, and float64 comes back with every digit"""
    compare_precision(student, reference, rng, function)


@points(0.25, "layers.batchnorm_backward", promise="arguments")
def test_batchnorm_backward_leaves_its_arguments(student, rng):
    """batchnorm_backward leaves dout, and what its cache holds, as they were, and works by that cache"""
    compare_arguments(student, rng, "batchnorm_backward")


@points(0.25, f"{NET}.loss")
@kinds
def test_net_gradients_of_a_deeper_net(student, reference, rng, kind):
    """With {kind}, a network of four layers of different widths has the true gradients of all its parameters"""
    X, y, params = draw_normalized_net(rng, hidden=(9, 7, 8))
    compare_net_gradients(student, reference, kind, X, y, params, list(params))


def added_by_reg(student, kind, X, y, params):
    """Returns what reg adds to the network's loss, and to its gradients by name."""
    (bare, free), (loss, bound) = (build_net(student, kind, params, reg=reg).loss(X, y) for reg in (0.0, 0.5))
    free, bound = student.fetch(free), student.fetch(bound)
    for name in params.keys() & {"gamma1", "beta1"}:
        expect(bound.get(name), "gradient of gamma1 or beta1").to_be_computed_from(params[name])
    return plain(loss - bare), {name: bound[name] - free[name] for name in bound if name in free}


@points(0.25, f"{NET}.loss")
def test_net_regularizes_weights_only(student, rng):
    """With normalization, reg adds what it adds without, on account of the weights only, not of gamma and beta"""
    X, y, params = draw_normalized_net(rng, hidden=(9,))
    names, weights = "gamma1 beta1", "W1 W2"
    alone = {name: value for name, value in params.items() if name not in names.split()}
    wanted = added_by_reg(student, None, X, y, alone)
    loss, grads = added_by_reg(student, "batchnorm", X, y, params)
    expect(loss, "loss added by reg").to_match(wanted[0], rel=VALUE)
    for name in names.split():
        expect(grads.get(name), f"gradient of {name} added by reg").to_lie_within(0, 0)
    for name in weights.split():
        expect(grads.get(name), f"gradient of {name} added by reg").to_match(wanted[1].get(name), rel=VALUE)


@points(0.25, f"{NET}.loss")
def test_net_tracks_its_statistics(student, reference, rng):
    """With batchnorm, each hidden layer of the network tracks its own running mean while it is trained"""
    X, y, params = draw_normalized_net(rng)
    nets = [build_net(package, "batchnorm", params) for package in (student, reference)]
    for net in nets:
        net.loss(X, y)
    got, expected = (
        tuple(package.fetch(net.bn_params[i]).get("running_mean") for i in range(2))
        for package, net in zip((student, reference), nets, strict=True)
    )
    expect(got, " ".join(f"bn_params[{i}]['{STATISTICS[0]}']" for i in range(2))).to_match(expected, rel=VALUE)
