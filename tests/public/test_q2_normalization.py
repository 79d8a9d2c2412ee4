"""Q2: batch and layer normalization, forward and backward, and the fully connected network with either of them.

The usual checks of layers draw many samples (many features, for layer normalization) and allow ROUGH: so a missing eps
or a variance over N - 1 costs only the checks that are about it. Small batches and networks are judged to VALUE. How
tolerances are chosen stands in docs/writing-a-check.md.
"""

from itertools import product

import numpy as np
import pytest

from grader.checks import expect, expect_unchanged_arguments, points
from tests.public.shared import (
    DIGITS,
    VALUE,
    draw_net,
    expect_cache_to_serve,
    expect_digits,
    make_net,
    without_factor,
    worth,
)

ROUGH = 1e-2
NET = "classifiers.fc_net.FullyConnectedNet"
STATISTICS = ["running_mean", "running_var"]
GRADIENTS = "dx dgamma dbeta"
# each backward pass, with its forward pass and the axis that this normalizes along
PASSES = {
    "batchnorm_backward": ("batchnorm_forward", 0),
    "batchnorm_backward_alt": ("batchnorm_forward", 0),
    "layernorm_backward": ("layernorm_forward", 1),
}


def draw_gamma(rng, d):
    """Returns gamma (d,), no entry of which is near 1."""
    return rng.uniform(1.5, 2, d) ** rng.choice([-1, 1], d)


def draw_x(rng, n, d, spread, axis=0):
    """Returns x (n, d); along this axis each mean and each deviation is another, of 1 to 8 times the spread."""
    own = (1, d) if axis == 0 else (n, 1)
    return spread * (rng.uniform(1, 3, own) * rng.randn(n, d) + rng.uniform(2, 8, own))


def draw_norm(rng, n=200, d=5):
    """Returns draw_x's x (n, d), gamma (d,), beta (d,)."""
    return draw_x(rng, n, d, 2.0), draw_gamma(rng, d), 3 * rng.randn(d)


def draw_plain(rng, n=200, d=5, spread=2.0, axis=0):
    """Returns draw_x's x (n, d) with gamma (d,) all ones and beta (d,) all zeros."""
    return draw_x(rng, n, d, spread, axis), np.ones(d), np.zeros(d)


def draw_balanced(rng, n=200, d=6, spread=2.0):
    """Returns plain arrays too, but each row and each column of x has this deviation, so any axis will do."""
    rows, columns = (rng.permutation(np.tile([1.0, -1.0], size // 2)) for size in (n, d))
    return spread * np.outer(rows, columns) + 3 * spread, np.ones(d), np.zeros(d)


def draw_dout(rng, x, gamma, axis):
    """Returns dout of x's shape, whose gradient depends clearly on every way that x reaches the loss."""
    x_hat = (x - x.mean(axis, keepdims=True)) / x.std(axis, keepdims=True)
    return (rng.randn(*x.shape) + x_hat + 2) / gamma


def compare_outputs(student, reference, forward, *inputs, rel):
    """Judges what a forward pass returns first."""
    out, _ = getattr(student.layers, forward)(*inputs)
    expected, _ = getattr(reference.layers, forward)(*inputs)
    expect(out, "out").to_match(expected, rel=rel)


def gradients(package, backward, dout, *inputs):
    """What a backward pass returns after its layer's forward pass on the inputs."""
    _, cache = forward_pass(package, PASSES[backward][0], *inputs)
    return expect(getattr(package.layers, backward)(dout, cache), GRADIENTS).unpack()


def draw_pass(rng, function, n=5, d=6):
    """Returns a forward pass's x (n, d), gamma, beta and param, and a dout; the variance is large against eps."""
    forward, axis = PASSES.get(function, (function, int("layernorm" in function)))
    x, gamma, beta = draw_plain(rng, n, d, 1e6, axis)
    if function != forward:
        gamma = draw_gamma(rng, d)
    return (x, gamma, beta, {"mode": "train"}), draw_dout(rng, x, gamma, axis)


def as_float32(inputs):
    """Returns the inputs of a forward pass with its arrays as float32."""
    return [value.astype(np.float32) if isinstance(value, np.ndarray) else value for value in inputs]


def forward_pass(package, forward, *inputs):
    """Returns out and cache of a forward pass."""
    return expect(getattr(package.layers, forward)(*inputs), "out cache").unpack()


def compare_precision(student, reference, rng, function):
    """Judges the digits of what a pass returns for float64, and its dtype for float32."""
    inputs, dout = draw_pass(rng, function)
    if function not in PASSES:
        got, expected = (without_factor(forward_pass(side, function, *inputs)[0]) for side in (student, reference))
        expect(got, "out").to_match(expected, rel=DIGITS)
        *arrays, param = as_float32(inputs)
        param = student.put(param)
        for param["mode"] in ("train", "test"):  # the statistics of the first call serve the second
            expect(forward_pass(student, function, *arrays, param)[0], "out").to_have_dtype(np.float32)
        return
    expect_digits(lambda dout: gradients(student, function, dout, *inputs), GRADIENTS, rng, dout)
    out, cache = forward_pass(student, PASSES[function][0], *as_float32(inputs))
    if np.asarray(out).dtype != np.float32:
        return  # of which the forward pass's own check tells
    answers = getattr(student.layers, function)(dout.astype(np.float32), cache)
    for name, value in zip(GRADIENTS.split(), expect(answers, GRADIENTS).unpack(), strict=True):
        expect(value, name).to_have_dtype(np.float32)


def compare_arguments(student, rng, function):
    """Judges that a pass computes something, changes none of its array arguments, and has no memory but its cache."""
    inputs, dout = draw_pass(rng, function)
    answers = (
        gradients(student, function, dout, *inputs) if function in PASSES else forward_pass(student, function, *inputs)
    )
    expect(answers[0], "dx" if function in PASSES else "out").to_be_computed_from(inputs[0], dout)
    if function == "batchnorm_forward":
        forward_pass(student, function, *inputs[:-1], draw_trained(rng, scale=1, d=6))
    expect_unchanged_arguments(getattr(student.layers, function), but=STATISTICS)
    if function in PASSES:
        passes = (getattr(student.layers, name) for name in (PASSES[function][0], function))
        expect_cache_to_serve(*passes, inputs, dout, dict(zip(GRADIENTS.split(), answers, strict=True)))


def compare_gradients(student, reference, rng, backward, gradient, rel, n=200, d=5, spread=2.0):
    """Judges one gradient that a backward pass returns for x (n, d)."""
    axis = PASSES[backward][1]
    x, _, beta = draw_plain(rng, n, d, spread, axis)
    gamma = draw_gamma(rng, d)
    arguments = draw_dout(rng, x, gamma, axis), x, gamma, beta, {"mode": "train"}
    got, expected = (gradients(package, backward, *arguments) for package in (student, reference))
    expect(got, GRADIENTS, only=gradient).to_match(expected, rel=rel)


def compare_with_slope(student, reference, rng, backward):
    """Judges dx, for a large eps, by how the student's own forward pass rises along the reference's dx and along x.

    Judges dgamma by the student's own out, unless it is wrong without that eps too.
    """
    forward, axis = PASSES[backward]
    x, ones, zeros = 4 * rng.randn(200, 200) + 12, np.ones(200), np.zeros(200)  # alike along both axes
    dout, param = draw_dout(rng, x, ones, axis), {"mode": "train", "eps": 16.0}  # the root is far from 1 then
    dx = gradients(student, backward, dout, x, ones, zeros, param)[0]
    # students get the reference's answer, so it is of half the size, and its out stays where it is
    small = [array.astype(np.float32) for array in (x, ones, zeros)]
    cache = reference.keep(getattr(reference.layers, forward), *small, param)[1]
    steepest = getattr(reference.layers, backward)(dout.astype(np.float32), cache)[0]
    slopes, predicted, h = [], [], 0.1
    for way in steepest, x - x.mean(axis, keepdims=True):
        way = way / np.linalg.norm(way)
        out, high, low = (forward_pass(student, forward, x + s * way, ones, zeros, param)[0] for s in (0, h, -h))
        expect(out, "out").to_be_computed_from(x)
        expect(dx, "dx").to_have_shape(x.shape)
        slopes.append((dout * (high - low)).sum() / (2 * h))
        predicted.append((dx * way).sum())
    claimed = expect(np.array(predicted), "directional derivatives predicted by dx")
    claimed.to_match(np.array(slopes), rel=ROUGH)
    for given in {"mode": "train"}, param:
        dgamma = gradients(student, backward, dout, x, ones, zeros, given)[1]
        fitting = (dout * forward_pass(student, forward, x, ones, zeros, given)[0]).sum(axis=0)
        if given is param:
            expect(dgamma, "dgamma").to_match(fitting, rel=ROUGH)
        elif np.shape(dgamma) != fitting.shape or not np.allclose(dgamma, fitting, rtol=ROUGH):
            return  # of which another check tells


def after_forward(package, x, gamma, beta, **bn_param):
    """What bn_param holds after a training pass."""
    kept = package.put({"mode": "train", **bn_param})
    package.layers.batchnorm_forward(x, gamma, beta, kept)
    return package.fetch(kept)


@points(1, "layers.batchnorm_forward")
def test_batchnorm_forward_train(student, reference, rng):
    """In train mode, batchnorm_forward gives each feature mean 0 and variance 1 over the batch"""
    compare_outputs(student, reference, "batchnorm_forward", *draw_plain(rng), {"mode": "train"}, rel=ROUGH)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_uses_the_biased_variance(student, reference, rng):
    """In train mode, batchnorm_forward divides by the variance over N, not N - 1"""
    inputs = *draw_balanced(rng, n=4, d=6, spread=1e4), {"mode": "train"}
    compare_outputs(student, reference, "batchnorm_forward", *inputs, rel=VALUE)


@points(0.25, "layers.batchnorm_forward")
@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_batchnorm_forward_applies(student, rng, name):
    """In train mode, batchnorm_forward applies {name}: out is gamma times the normalized x, plus beta"""
    # as many samples as features, so that what belongs to a feature could be taken for a sample's
    x, ones, zeros = draw_plain(rng, n=5, d=5)
    gamma, beta = (draw_gamma(rng, 5), zeros) if name == "gamma" else (ones, rng.randn(5))
    x_hat, _ = student.layers.batchnorm_forward(x, ones, zeros, {"mode": "train"})
    expect(x_hat, "out for gamma = 1 and beta = 0").to_be_computed_from(x)
    out, _ = student.layers.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    expect(out, "out").to_match(gamma * x_hat + beta, rel=VALUE)


@points(0.25, "layers.batchnorm_forward")
@pytest.mark.parametrize("name", STATISTICS)
def test_batchnorm_forward_writes_back(student, reference, rng, name):
    """A first call in train mode leaves (1 - momentum) times the batch's statistic in bn_param['{name}']"""
    inputs = draw_norm(rng)
    got, expected = (after_forward(package, *inputs).get(name) for package in (student, reference))
    expect(got, f"bn_param['{name}']").to_match(expected, rel=ROUGH)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_tracks_the_biased_variance(student, reference, rng):
    """bn_param['running_var'] tracks the variance over N, not N - 1"""
    inputs = draw_norm(rng, n=4)
    got, expected = (after_forward(package, *inputs, momentum=0.5) for package in (student, reference))
    expect(got.get("running_var"), "running_var").to_match(expected["running_var"], rel=VALUE)


@points(0.25, "layers.batchnorm_forward")
@pytest.mark.parametrize("name", STATISTICS)
def test_batchnorm_forward_continues(student, rng, name):
    """In train mode, the old {name} in bn_param counts with the weight momentum"""
    inputs, old = draw_norm(rng), rng.uniform(1, 2, 5)
    # With momentum 0.5 swapped weights change nothing here.
    zeros, start = (dict.fromkeys(STATISTICS, value) | {"momentum": 0.5} for value in (np.zeros(5), old))
    fresh, continued = (after_forward(student, *inputs, **kept).get(name) for kept in (zeros, start))
    expect(fresh, f"bn_param['{name}']").to_have_shape((5,))
    expect(continued, f"bn_param['{name}']").to_match(0.5 * old + fresh, rel=VALUE)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_obeys_momentum(student, rng):
    """batchnorm_forward uses the momentum given in bn_param"""
    inputs = x, *_ = draw_norm(rng)
    tracked = after_forward(student, *inputs, momentum=0.5).get("running_mean")
    expect(tracked, "bn_param['running_mean']").to_match(0.5 * x.mean(axis=0), rel=VALUE)


def draw_trained(rng, scale, d=5):
    """Returns bn_param for test mode, with running statistics (d,) whose variances are about `scale`."""
    return {"mode": "test", "running_mean": rng.randn(d), "running_var": scale * rng.uniform(1, 2, d)}


@points(0.5, "layers.batchnorm_forward")
def test_batchnorm_forward_test(student, reference, rng):
    """In test mode, batchnorm_forward normalizes with the running statistics, then applies gamma and beta"""
    inputs = *draw_norm(rng, n=5), draw_trained(rng, scale=1e4)
    compare_outputs(student, reference, "batchnorm_forward", *inputs, rel=VALUE)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_test_keeps_the_statistics(student, rng):
    """In test mode, batchnorm_forward leaves the running statistics in bn_param as they are"""
    inputs, bn_param = draw_norm(rng, n=6), draw_trained(rng, scale=1)
    kept = student.put(bn_param)
    out, _ = student.layers.batchnorm_forward(*inputs, kept)
    expect(out, "out").to_be_computed_from(inputs[0])
    got = tuple(student.fetch(kept).get(name) for name in STATISTICS)
    expect(got, " ".join(STATISTICS)).to_equal(tuple(bn_param[name] for name in STATISTICS))


@points(0.25, "layers.batchnorm_forward")
@pytest.mark.parametrize("mode", ["train", "test"])
def test_batchnorm_forward_obeys_eps(student, reference, rng, mode):
    """In {mode} mode, batchnorm_forward adds the eps given in bn_param to the variance, inside the root"""
    # this momentum shows where test mode moves the statistics first
    bn_param = {**draw_trained(rng, scale=2, d=6), "mode": mode, "eps": 1.0, "momentum": 0.1}
    inputs = *draw_balanced(rng, spread=1), bn_param
    compare_outputs(student, reference, "batchnorm_forward", *inputs, rel=ROUGH)


@points(0.25, "layers.batchnorm_forward")
def test_batchnorm_forward_default_eps(student, reference, rng):
    """Without eps in bn_param, batchnorm_forward adds 1e-5 to the variance"""
    inputs = *draw_balanced(rng, spread=3e-3), {"mode": "train"}
    compare_outputs(student, reference, "batchnorm_forward", *inputs, rel=ROUGH)


@worth(
    "function",
    dict.fromkeys(["batchnorm_forward", "batchnorm_backward", "batchnorm_backward_alt"], 0.25),
    "layers.{}",
    promise="precision",
)
def test_precision(student, reference, rng, function):
    """{function} keeps the precision of its input: float32 stays float32, float64 keeps all its digits"""
    compare_precision(student, reference, rng, function)


ARGUMENTS = ["batchnorm_forward", "batchnorm_backward_alt", "layernorm_forward", "layernorm_backward"]


@worth("function", dict.fromkeys(ARGUMENTS, 0.25), "layers.{}", promise="arguments")
def test_arguments_are_left_as_they_are(student, rng, function):
    """{function} leaves its arguments as they are, but for running statistics; each backward pass works by its cache"""
    compare_arguments(student, rng, function)


@worth("gradient", {"dx": 1, "dgamma": 0.5, "dbeta": 0.25}, "layers.batchnorm_backward")
def test_batchnorm_backward(student, reference, rng, gradient):
    """batchnorm_backward returns the true gradient {gradient}"""
    compare_gradients(student, reference, rng, "batchnorm_backward", gradient, rel=ROUGH)


@worth("gradient", {"dx": 0.5, "dgamma": 0.25, "dbeta": 0.25}, "layers.batchnorm_backward_alt")
def test_batchnorm_backward_alt(student, reference, rng, gradient):
    """batchnorm_backward_alt returns the true gradient {gradient}"""
    compare_gradients(student, reference, rng, "batchnorm_backward_alt", gradient, rel=ROUGH)


each_backward = worth("backward", {"batchnorm_backward": 0.25, "batchnorm_backward_alt": 0.25}, "layers.{}")


@each_backward
def test_batchnorm_gradient_of_a_small_batch(student, reference, rng, backward):
    """{backward} returns the true gradient dx in a batch of 5 too, where N and N - 1 differ much"""
    compare_gradients(student, reference, rng, backward, "dx", rel=VALUE, n=5, d=6, spread=1e4)


@points(0.25, "layers.batchnorm_backward")
def test_batchnorm_backward_obeys_eps(student, reference, rng):
    """With an eps given in bn_param, dx and dgamma of batchnorm_backward fit what your own forward pass does"""
    compare_with_slope(student, reference, rng, "batchnorm_backward")


@points(0.5, "layers.batchnorm_backward_alt", timing=True, promise="speed")
def test_batchnorm_backward_alt_is_fast(student, reference, rng, race):
    """batchnorm_backward_alt returns the true dx in no more time than your batchnorm_backward needs"""
    compare_gradients(student, reference, rng, "batchnorm_backward_alt", "dx", rel=ROUGH)

    def prepare(backward):
        def ready(package, rng):
            x = rng.rand(60, 4000)
            inputs = x, np.ones(4000), np.zeros(4000), {"mode": "train"}
            cache = package.keep(package.layers.batchnorm_forward, *inputs)[1]
            return getattr(package.layers, backward), (rng.rand(60, 4000), cache)

        return ready

    race(prepare("batchnorm_backward_alt"), prepare("batchnorm_backward"), at_most=1.5, verify=False)


def draw_wide(rng):
    """Returns draw_x's x (4, 200) with gamma (200,) all ones and beta (200,) all zeros."""
    return draw_plain(rng, n=4, d=200, axis=1)


@points(0.75, "layers.layernorm_forward")
def test_layernorm_forward(student, reference, rng):
    """layernorm_forward gives each sample mean 0 and variance 1 over its features"""
    compare_outputs(student, reference, "layernorm_forward", *draw_wide(rng), {"mode": "train"}, rel=ROUGH)


@points(0.25, "layers.layernorm_forward")
def test_layernorm_forward_uses_the_biased_variance(student, reference, rng):
    """layernorm_forward divides by the variance over D, not D - 1"""
    inputs = *draw_balanced(rng, n=4, d=6, spread=1e4), {"mode": "train"}
    compare_outputs(student, reference, "layernorm_forward", *inputs, rel=VALUE)


@points(0.25, "layers.layernorm_forward")
def test_layernorm_forward_applies_gamma_and_beta(student, rng):
    """layernorm_forward scales each feature by its own gamma and shifts it by its own beta"""
    # as many samples as features, so that what belongs to a feature could be taken for a sample's
    x, ones, zeros = draw_plain(rng, n=5, d=5, axis=1)
    gamma, beta = draw_gamma(rng, 5), rng.randn(5)
    x_hat, _ = student.layers.layernorm_forward(x, ones, zeros, {"mode": "train"})
    expect(x_hat, "out for gamma = 1 and beta = 0").to_be_computed_from(x)
    out, _ = student.layers.layernorm_forward(x, gamma, beta, {"mode": "train"})
    expect(out, "out").to_match(gamma * x_hat + beta, rel=VALUE)


@points(0.25, "layers.layernorm_forward")
def test_layernorm_forward_is_alike(student, rng):
    """layernorm_forward returns in test mode, and without a mode in ln_param, what it returns in train mode"""
    inputs = draw_wide(rng)
    expected, _ = student.layers.layernorm_forward(*inputs, {"mode": "train"})
    expect(expected, "out").to_be_computed_from(inputs[0])
    for ln_param in ({"mode": "test"}, {}):
        out, _ = student.layers.layernorm_forward(*inputs, ln_param)
        expect(out, f"out for ln_param = {ln_param}").to_match(expected, rel=VALUE)


@points(0.25, "layers.layernorm_forward")
def test_layernorm_forward_keeps_no_statistics(student, rng):
    """layernorm_forward gives samples the same output in a smaller batch, with one ln_param for both calls"""
    x, gamma, beta = draw_wide(rng)
    ln_param = student.put({"mode": "train"})
    together, _ = student.layers.layernorm_forward(x, gamma, beta, ln_param)
    fewer, _ = student.layers.layernorm_forward(x[:2], gamma, beta, ln_param)
    expect(together, "out").to_have_shape(x.shape)
    expect(together, "out").to_be_computed_from(x)
    expect(fewer, "out").to_match(together[:2], rel=VALUE)


@points(0.25, "layers.layernorm_forward")
def test_layernorm_forward_obeys_eps(student, reference, rng):
    """layernorm_forward adds the eps given in ln_param to the variance, inside the root"""
    inputs = *draw_balanced(rng, n=4, d=200, spread=1), {"mode": "train", "eps": 1.0}
    compare_outputs(student, reference, "layernorm_forward", *inputs, rel=ROUGH)


@worth("gradient", {"dx": 0.5, "dgamma": 0.5, "dbeta": 0.25}, "layers.layernorm_backward")
def test_layernorm_backward(student, reference, rng, gradient):
    """layernorm_backward returns the true gradient {gradient}"""
    compare_gradients(student, reference, rng, "layernorm_backward", gradient, rel=ROUGH, n=4, d=200)


@points(0.25, "layers.layernorm_backward")
def test_layernorm_backward_of_few_features(student, reference, rng):
    """layernorm_backward returns the true gradient dx with 5 features too, where D and D - 1 differ much"""
    compare_gradients(student, reference, rng, "layernorm_backward", "dx", rel=VALUE, n=7, spread=1e4)


@points(0.25, "layers.layernorm_backward")
def test_layernorm_backward_obeys_eps(student, reference, rng):
    """With an eps given in ln_param, dx and dgamma of layernorm_backward fit what your own forward pass does"""
    compare_with_slope(student, reference, rng, "layernorm_backward")


def build_net(package, kind, params, **options):
    """A float64 network of the params' sizes with normalization of this kind, given these params."""
    sizes = [*(len(value) for name, value in params.items() if name.startswith("W")), 4]
    net = make_net(package, sizes, normalization=kind, dtype=package.library("numpy").float64, **options)
    net.params.update(params)
    return net


def draw_normalized_net(rng, hidden=(8, 8), n=10):
    """Returns X (n, 7), y (n,) and params of a network with these hidden layers and normalization, for 4 classes.

    Its hidden layers normalize numbers so large that no epsilon matters.
    """
    X, y, params = draw_net(rng, hidden, n=n, bias=1.0)
    for i, width in enumerate(hidden, start=1):
        params |= {f"W{i}": 30 * params[f"W{i}"], f"b{i}": 30 * params[f"b{i}"]}
        params |= {f"gamma{i}": draw_gamma(rng, width), f"beta{i}": rng.randn(width)}
    return X, y, params


def compare_net_gradients(student, reference, kind, X, y, params, names):
    """Judges the named gradients of the network's loss."""
    packages = student, reference
    got, expected = (package.fetch(build_net(package, kind, params).loss(X, y)[1]) for package in packages)
    # Batch normalization takes b1 and b2 away again: their true gradients are 0, and what comes is rounding.
    expect(tuple(got.get(name) for name in names), " ".join(names)).to_match(
        tuple(expected[name] for name in names), rel=VALUE, scale=1e-4
    )


kinds = pytest.mark.parametrize("kind", ["batchnorm", "layernorm"])


@points(0.25, f"{NET}.__init__")
@kinds
def test_net_starts_plain(student, kind):
    """With {kind}, the gammas of the network's hidden layers start at 1 and the betas at 0, one for each unit"""
    params = student.fetch(make_net(student, (7, 5, 6, 4), normalization=kind).params)
    names = "gamma1 beta1 gamma2 beta2"
    got = tuple(params.get(name) for name in names.split())
    expect(got, names).to_equal((np.ones(5), np.zeros(5), np.ones(6), np.zeros(6)))


@points(0.25, f"{NET}.__init__")
def test_net_leaves_its_scores_plain(student):
    """The network has gamma and beta for its hidden layers and none for its last, whose scores are not normalized"""
    for kind in ("batchnorm", "layernorm"):
        params = student.fetch(make_net(student, (7, 5, 6, 4), normalization=kind).params)
        layers = [f"{name}{i}" for name in ("gamma", "beta") for i in (1, 2, 3)]
        found = [name for name in layers if name in params]
        expect(found, f"parameters of {kind}").to_equal(["gamma1", "gamma2", "beta1", "beta2"])


@points(0.25, f"{NET}.loss")
@kinds
def test_net_loss(student, reference, rng, kind):
    """In training, the network's loss is that of affine layers, {kind} and ReLUs in turn"""
    X, y, params = draw_normalized_net(rng)
    (loss, _), (expected, _) = (build_net(package, kind, params).loss(X, y) for package in (student, reference))
    expect(loss, "loss").to_match(expected, rel=VALUE)


@points(0.25, f"{NET}.loss")
@pytest.mark.parametrize("group", ["W b", "gamma beta"])
@kinds
def test_net_gradients(student, reference, rng, kind, group):
    """With {kind}, the network's loss has the true gradients of every layer's {group}"""
    X, y, params = draw_normalized_net(rng)
    names = [name for name in params if name.rstrip("123") in group.split()]
    compare_net_gradients(student, reference, kind, X, y, params, names)


@points(0.25, f"{NET}.loss")
@kinds
def test_net_scores(student, reference, rng, kind):
    """Without labels, the network's scores are those of {kind} in test mode, each layer with its own statistics"""
    X, _, params = draw_normalized_net(rng)
    trained = [draw_trained(rng, scale=1e3, d=8) for _ in range(2)]
    nets = [build_net(package, kind, params) for package in (student, reference)]
    for net, i in product(nets, range(2) if kind == "batchnorm" else ()):
        net.bn_params[i].update(trained[i])
    scores, expected = (net.loss(X) for net in nets)
    expect(scores, "scores").to_match(expected, rel=VALUE)
