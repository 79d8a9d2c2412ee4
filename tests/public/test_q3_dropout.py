"""Q3: dropout, forward and backward, and the fully connected network with it.

What a mask does is judged by the student's own mask; only the checks that are about a seed ask for a certain one. A
mask that keeps all units, or none, says nothing, so each check of a single claim judges that it does neither.
"""

import numpy as np
import pytest

from grader.checks import expect, expect_unchanged_arguments, points
from tests.public.shared import DIGITS, VALUE, build, draw_net, expect_digits

NET = "classifiers.fc_net.FullyConnectedNet"


def draw_units(rng, *shape):
    """Returns an array of this shape, (100, 100) by default, without any value near 0."""
    shape = shape or (100, 100)
    return rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)


def train(package, x, p, **seed):
    """The output of dropout_forward in train mode."""
    return forward(package, x, p, **seed)[0]


def forward(package, x, p, **seed):
    """The output and cache of dropout_forward in train mode; judges that it keeps some units and drops others."""
    out, cache = expect(package.layers.dropout_forward(x, {"mode": "train", "p": p, **seed}), "out cache").unpack()
    expect(out, "out").to_have_shape(x.shape)
    expect(np.mean(out != 0), "share of units kept").to_lie_within(0.01, 0.99)
    return out, cache


@points(0.75, "layers.dropout_forward")
def test_dropout_forward_keeps_the_share_p(student, rng):
    """In train mode, dropout_forward keeps about the share p of all units: p is the probability of keeping a unit"""
    # 10000 units: the share kept has a standard deviation of at most 0.005, that of a row or a column one of 0.05.
    for p in 0.2, 0.7:
        kept = train(student, draw_units(rng), p) != 0
        expect(kept.mean() - p, "share of units kept, less p").to_lie_within(-0.04, 0.04)
        for axis, name in enumerate(["column", "row"]):
            expect(kept.mean(axis) - p, f"share of units kept in each {name}, less p").to_lie_within(-0.3, 0.3)


@points(0.75, "layers.dropout_forward")
def test_dropout_forward_scales(student, rng):
    """In train mode, dropout_forward divides the units it keeps by p and sets the others to 0"""
    x = draw_units(rng)
    out = train(student, x, p=0.4)
    expect(out, "out").to_match(x * (out != 0) / 0.4, rel=VALUE)


@points(0.5, "layers.dropout_forward", promise="generator")
def test_dropout_forward_draws_the_mask(student, reference, rng):
    """With a seed, dropout_forward keeps the units where one rand(*x.shape) of that seed is smaller than p"""
    x = draw_units(rng, 6, 7)
    # below one half, where binomial reads its draws from the other end
    kept, expected = (train(package, x, p=0.4, seed=11) != 0 for package in (student, reference))
    expect(kept, "units kept").to_equal(expected)


@points(0.25, "layers.dropout_forward")
def test_dropout_forward_repeats_with_a_seed(student, rng):
    """With a seed, each call of dropout_forward drops the same units"""
    x = draw_units(rng)
    first, second = (train(student, x, p=0.5, seed=11) for _ in range(2))
    expect(second, "out of the second call").to_equal(first)


@points(0.25, "layers.dropout_forward")
def test_dropout_forward_varies_without_a_seed(student, rng):
    """Without a seed, each call of dropout_forward drops other units"""
    x = draw_units(rng)
    first, second = (train(student, x, p=0.5) for _ in range(2))
    expect(second, "out of the second call").to_be(bool((first != second).any()), "drops the same units as the first")


@points(0.25, "layers.dropout_forward", promise="generator")
def test_dropout_forward_leaves_the_global_generator(student, rng):
    """With a seed, dropout_forward leaves NumPy's global generator as it is, in either mode"""
    x, draw = draw_units(rng, 6, 7), student.library("numpy").random.rand
    student.seed(5)
    expected = draw(3)
    student.seed(5)
    train(student, x, p=0.6, seed=11)
    student.layers.dropout_forward(x, {"mode": "test", "p": 0.6, "seed": 11})
    expect(draw(3), "np.random.rand(3) after dropout").to_equal(expected)


@points(0.5, "layers.dropout_forward")
def test_dropout_forward_test(student, rng):
    """In test mode, dropout_forward returns x as it is"""
    x = draw_units(rng, 6, 7)
    # below one half, where binomial reads its draws from the other end
    train(student, x, p=0.6)
    out, _ = student.layers.dropout_forward(x, {"mode": "test", "p": 0.3})
    expect(out, "out").to_match(x, rel=VALUE)


@points(0.25, "layers.dropout_forward")
def test_dropout_forward_precision(student, rng):
    """dropout_forward keeps the precision of its input: float32 stays float32, float64 keeps all its digits"""
    x = draw_units(rng, 6, 7)
    # below one half, where binomial reads its draws from the other end
    out = train(student, x, p=0.6)
    factors = (out / x)[out != 0]
    expect(factors, "factors of the units kept").to_match(np.full(factors.shape, factors[0]), rel=DIGITS)
    expect(train(student, x.astype(np.float32), p=0.6), "out").to_have_dtype(np.float32)


@points(0.25, "layers.dropout_forward", promise="arguments")
def test_dropout_forward_leaves_its_arguments(student, rng):
    """In train mode, dropout_forward leaves its argument x as it was"""
    train(student, draw_units(rng), p=0.5)
    expect_unchanged_arguments(student.layers.dropout_forward)


def backward(student, rng, *shape):
    """dout, what dropout_backward makes of it in train mode, and what dropout_forward multiplied the units by."""
    x, dout = draw_units(rng, *shape), draw_units(rng, *shape)
    out, cache = forward(student, x, p=0.6)
    dx = student.layers.dropout_backward(dout, cache)
    expect(dx, "dx").to_have_shape(x.shape)
    return dout, dx, out / x


@points(0.5, "layers.dropout_backward")
def test_dropout_backward_drops(student, rng):
    """In train mode, dropout_backward passes a gradient on to just those units that your forward pass kept"""
    _, dx, factor = backward(student, rng, 20, 30)
    expect(dx != 0, "units that get a gradient").to_equal(factor != 0)


@points(0.5, "layers.dropout_backward")
def test_dropout_backward_train(student, rng):
    """In train mode, dropout_backward multiplies the dout of kept units by what your forward pass multiplied x by"""
    dout, dx, factor = backward(student, rng, 20, 30)
    expect(dx * (factor != 0), "dx of the units kept").to_match(dout * factor, rel=VALUE)


@points(0.25, "layers.dropout_backward", promise="precision")
def test_dropout_backward_precision(student, rng):
    """dropout_backward keeps the precision of its input: float32 stays float32, float64 keeps all its digits"""
    x, dout = draw_units(rng, 6, 7), draw_units(rng, 6, 7)
    _, cache = forward(student, x, p=0.6)
    expect_digits(lambda dout: student.layers.dropout_backward(dout, cache), "dx", rng, dout)
    _, cache = forward(student, x.astype(np.float32), p=0.6)
    expect(student.layers.dropout_backward(dout.astype(np.float32), cache), "dx").to_have_dtype(np.float32)


@points(0.25, "layers.dropout_backward", promise="arguments")
def test_dropout_backward_leaves_its_arguments(student, rng):
    """In train mode, dropout_backward leaves dout, and the mask in its cache, as they were, and works by that cache"""
    dout, dx, factor = backward(student, rng, 20, 30)
    expect(dx, "dx").to_be(not np.array_equal(dx, dout), "is dout as it came")
    expect_unchanged_arguments(student.layers.dropout_backward)
    if not np.allclose(dx, dout * factor):
        return  # of which another check tells
    x = draw_units(rng, 20, 30)
    out, cache = forward(student, x, p=0.6)
    forward(student, x, p=0.6)
    dx = student.layers.dropout_backward(dout, cache)
    expect(dx, "dx by a cache that is not the latest").to_match(dout * (out / x), rel=VALUE)


def build_net(package, params, ratio, **options):
    """A float64 network with dropout of this keep ratio and seed 5, given these params."""
    return build(package, params, dropout_keep_ratio=ratio, seed=5, **options)


def draw_wide(rng, hidden=(20, 20), n=4):
    """Returns X (n, 7), y (n,) and params of a network with hidden layers wide enough to drop some units of each."""
    return draw_net(rng, hidden, n=n, bias=1.0)


def train_nets(student, reference, X, y, params, ratio, **options):
    """The losses and gradients of the student's and the reference's network."""
    for package in (student, reference):
        net = build_net(package, params, ratio, **options)
        # Of a dropout that ignores its seed, the masks are the same in both networks where they are compared.
        package.seed(5)
        loss, grads = net.loss(X, y)
        yield loss, package.fetch(grads)


def expect_dropout(student, X, y, params):
    """Judges that the network's loss in training depends on which units are dropped."""
    nets = (build(student, params, dropout_keep_ratio=0.7, seed=seed) for seed in (5, 6))
    loss, other = (net.loss(X, y)[0] for net in nets)
    expect(loss, "loss").to_be(loss != other, "is the same whichever units are dropped")


def compare_loss(*arguments, **options):
    """Judges the loss in training."""
    (loss, _), (expected, _) = train_nets(*arguments, **options)
    expect(loss, "loss").to_match(expected, rel=VALUE)


def compare_gradients(*arguments, letters="Wb", **options):
    """Judges the gradients of all params with a name of these letters."""
    (_, grads), (_, expected) = train_nets(*arguments, **options)
    names = [name for name in expected if name[0] in letters]
    got = tuple(grads.get(name) for name in names)
    expect(got, " ".join(names)).to_match(tuple(expected[name] for name in names), rel=VALUE)


@points(0.5, f"{NET}.loss")
def test_net_loss(student, reference, rng):
    """With dropout after every ReLU, the network's loss in training is right"""
    compare_loss(student, reference, *draw_wide(rng), ratio=0.7)


@points(0.25, f"{NET}.loss")
@pytest.mark.parametrize("letter", ["W", "b"])
def test_net_gradients(student, reference, rng, letter):
    """With dropout after every ReLU, the network's loss has the true gradients of every layer's {letter}"""
    compare_gradients(student, reference, *draw_wide(rng), letters=letter, ratio=0.7)


@points(0.5, f"{NET}.loss")
def test_net_scores(student, reference, rng):
    """Without labels, the network's scores are those of test mode, in which nothing is dropped"""
    X, y, params = draw_wide(rng)
    expect_dropout(student, X, y, params)
    scores, expected = (build_net(package, params, ratio=0.7).loss(X) for package in (student, reference))
    expect(scores, "scores").to_match(expected, rel=VALUE)


@points(0.25, f"{NET}.loss")
def test_net_without_dropout(student, reference, rng):
    """With dropout_keep_ratio = 1, the network has no dropout"""
    arrays = draw_wide(rng)
    expect_dropout(student, *arrays)
    compare_loss(student, reference, *arrays, ratio=1)
