"""What the checks of several questions share: tolerances, cases with points, draws of a network, common claims.

How tolerances are chosen stands in docs/writing-a-check.md: values to VALUE, and the digits of float64 to DIGITS in the
one check of a function that is about its precision.
"""

import math
from itertools import pairwise

import numpy as np
import pytest

from grader.checks import expect, points

VALUE, DIGITS = 1e-5, 1e-10


def worth(names, values, function, promise=""):
    """Parametrizes a check over the cases of `values`, each with its points; a function's name may hold `{}`."""
    cases = [case if isinstance(case, tuple) else (case,) for case in values]
    marks = [
        points(value, function.format(case[0]), promise=promise)
        for case, value in zip(cases, values.values(), strict=True)
    ]
    return pytest.mark.parametrize(names, [pytest.param(*c, marks=m) for c, m in zip(cases, marks, strict=True)])


def plain(value):
    """Returns an array without its axes of length 1, where its shape is the claim of another check."""
    return np.squeeze(value) if isinstance(value, np.ndarray) else value


def without_factor(value):
    """Returns an array divided by its largest entry, where a wrong factor or sign is the claim of another check."""
    value = plain(value)
    if not isinstance(value, np.ndarray) or not value.ndim or not value.any():
        return value
    return value / value.flat[np.abs(value).argmax()]


def expect_digits(backward, names, rng, dout):
    """Judges that what backward(dout) returns has the digits of float64.

    Gradients are linear in dout, also where they are wrong in another way, which is the claim of other checks.
    """
    another = rng.randn(*dout.shape)
    ones, others, both = (expect(backward(d), names).unpack() for d in (dout, another, dout + another))
    for name, one, other, sum_ in zip(names.split(), ones, others, both, strict=True):
        expect(one, name).to_be_computed_from()
        expect(one, name).to_be(not np.array_equal(one, dout), "is dout as it came")
        expect(sum_, name).to_match(one + other, rel=DIGITS)


def make_net(package, sizes=(7, 6, 8, 4), **options):
    """Returns the package's net as it is made, of these sizes from input to classes."""
    input_dim, *hidden, classes = sizes
    return package.classifiers.fc_net.FullyConnectedNet(hidden, input_dim=input_dim, num_classes=classes, **options)


def expect_cache_to_serve(forward, backward, inputs, dout, gradients):
    """Judges that a backward pass makes the same of a cache, by name, where its forward pass has seen other x since."""
    x, *others = inputs
    _, cache = expect(forward(*inputs), "out cache").unpack()
    forward(x[::-1].copy(), *others)
    answers = expect(backward(dout, cache), " ".join(gradients)).unpack()
    for (name, wanted), got in zip(gradients.items(), answers, strict=True):
        if isinstance(wanted, np.ndarray):  # else another check tells of it
            expect(got, f"{name} by a cache that is not the latest").to_match(wanted, rel=VALUE)


def draw_net(rng, hidden, d=(7,), n=5, classes=4, bias=0.0):
    """Returns X (n, *d), y (n,) and params: W1 (prod d, hidden[0]), b1 (hidden[0],) and so on to the classes."""
    params = {}
    for i, (inputs, outputs) in enumerate(pairwise([math.prod(d), *hidden, classes]), start=1):
        params[f"W{i}"], params[f"b{i}"] = rng.randn(inputs, outputs) / math.sqrt(inputs), bias * rng.randn(outputs)
    return rng.randn(n, *d), rng.randint(classes, size=n), params


def build(package, params, **options):
    """Returns the package's net, of type float64, with exactly these params, whatever it draws for itself."""
    sizes = [len(params["W1"]), *(value.size for name, value in params.items() if name.startswith("b"))]
    net = make_net(package, sizes, dtype=package.library("numpy").float64, **options)
    net.params.update(params)
    return net


def expect_normal(weights):
    """Claims that weights, a dict, hold draws of their own and have the tails of a normal distribution.

    The largest of 800 normal draws lies within 2.35 standard deviations in one of ten million cases, that of draws
    between two bounds always: at 1.73 where they are uniform, at 2.27 where a normal distribution is cut off at 2.
    """
    first = next(iter(weights))
    for name, value in weights.items():
        expect(value, name).to_be_computed_from()
        far = np.abs(value).max() / np.std(value)
        short = f"reaches {far:.2f} standard deviations, normal draws reach further; are these uniform, or cut off?"
        expect(value, name).to_be(far > 2.35, short)
        ours, theirs = (np.ravel(weight)[:50] for weight in (value, weights[first]))
        again = name != first and len(ours) == len(theirs) and np.corrcoef(ours, theirs)[0, 1] > 0.99
        same = f"begins with the draws of {first}; is the generator seeded for each layer?"
        expect(value, name).to_be(not again, same, brief=same)


def expect_drawn_anew(weights, others):
    """Claims that the weights of a second model, a dict as that of the first one's, are other draws."""
    same = "is the same in a second network; is the generator seeded where weights are drawn?"
    for name, value in weights.items():
        expect(value, name).to_be(not np.array_equal(value, others[name]), same, brief=same)
