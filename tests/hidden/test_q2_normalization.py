"""Q2, instructors only: odd sizes, many batches, float32 and deeper networks."""

import numpy as np

from grader.checks import expect, points
from tests.public.test_q2_normalization import (
    NET,
    STATISTICS,
    build_net,
    compare_gradients,
    compare_net_gradients,
    compare_with_slope,
    draw_dout,
    draw_norm,
    draw_normalized_net,
    each_backward,
    kinds,
    worth,
)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_of_one_sample(student, rng):
    """In train mode, batchnorm_forward returns beta for a batch of one sample"""
    x, gamma, beta = draw_norm(rng, n=1)
    out, _ = student.layers.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    expect(out, "out").to_match(beta.reshape(1, 5), rel=1e-9)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_tracks_many_batches(student, reference, rng):
    """The running mean follows batches of different sizes, and test mode uses what they left behind"""
    batches = [draw_norm(rng, n=n) for n in (50, 60, 70)]
    x, gamma, beta = draw_norm(rng, n=6)
    outs = []
    for package in (student, reference):
        bn_param = package.put({"mode": "train"})
        for batch in batches:
            package.layers.batchnorm_forward(*batch, bn_param)
        bn_param["mode"] = "test"
        outs.append(package.layers.batchnorm_forward(x, gamma, beta, bn_param)[0])
    expect(outs[0], "out").to_match(outs[1], rel=2e-2)


@points(0.25, "layers.batchnorm_backward_alt")
def test_batchnorm_backward_alt_obeys_eps(student, reference, rng):
    """With an eps given in bn_param, the dx of batchnorm_backward_alt foretells what your own forward pass does"""
    compare_with_slope(student, reference, rng, "batchnorm_backward_alt")


@each_backward
def test_batchnorm_gradient_of_one_feature(student, reference, rng, backward):
    """{backward} returns the true gradient dx of a single feature"""
    compare_gradients(student, reference, rng, backward, "dx", rel=1e-2, d=1)


@worth("layer", {"batchnorm": 0.25, "layernorm": 0.25}, "layers.{}_forward")
def test_norm_forward_keeps_float32(student, rng, layer):
    """{layer}_forward returns float32 for float32 input"""
    x, gamma, beta = (array.astype(np.float32) for array in draw_norm(rng))
    out, _ = getattr(student.layers, f"{layer}_forward")(x, gamma, beta, {"mode": "train"})
    expect(out, "out").to_have_dtype(np.float32)


@points(0.25, "layers.batchnorm_backward")
def test_batchnorm_backward_keeps_dout(student, rng):
    """batchnorm_backward leaves its argument dout as it was"""
    x, gamma, beta = draw_norm(rng)
    dout = draw_dout(rng, x, gamma, axis=0)
    _, cache = student.layers.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    kept = student.put(dout)
    student.layers.batchnorm_backward(kept, cache)
    expect(student.fetch(kept), "dout").to_equal(dout)


@points(0.25, f"{NET}.loss")
@kinds
def test_net_gradients_of_a_deeper_net(student, reference, rng, kind):
    """With {kind}, a network of four layers of different widths has the true gradients of all its parameters"""
    X, y, params = draw_normalized_net(rng, hidden=(9, 7, 8))
    compare_net_gradients(student, reference, kind, X, y, params, list(params))


@points(0.25, f"{NET}.loss")
def test_net_regularizes_weights_only(student, rng):
    """With normalization, reg adds to the gradients of the weights only, not to those of gamma and beta"""
    X, y, params = draw_normalized_net(rng, hidden=(9,))
    nets = [build_net(student, "batchnorm", params, reg=reg) for reg in (0.0, 0.5)]
    free, bound = (student.fetch(net.loss(X, y)[1]) for net in nets)
    names = "gamma1 beta1"
    got, wanted = (tuple(grads.get(name) for name in names.split()) for grads in (bound, free))
    expect(got, names).to_match(wanted, rel=1e-9)


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
    expect(got, " ".join(f"bn_params[{i}]['{STATISTICS[0]}']" for i in range(2))).to_match(expected, rel=1e-7)
