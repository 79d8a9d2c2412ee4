# Generated from reference/gradient_check.py by "python -m grader stubs" (unedited: 202ecb8f402e)
"""Numeric gradients by centred differences, to compare a backward pass with its forward pass.

Every function perturbs its array IN PLACE, one entry at a time, and restores it: f may read the array through its
argument or through whatever else holds it, such as a model's params. Give float64 arrays; in float32 the differences
drown in rounding.
"""

import random

import numpy as np


def _centred_difference(f, x, index, h):
    """Return f(x) with x[index] raised by h, minus f(x) with x[index] lowered by h."""
    original = x[index]
    try:
        x[index] = original + h
        f_plus = np.copy(f(x))  # f may return x itself, or write into one array each time
        x[index] = original - h
        f_minus = np.copy(f(x))
    finally:
        x[index] = original
    return f_plus - f_minus


def eval_numerical_gradient(f, x, verbose=True, h=1e-5):
    """Return the numeric gradient of a scalar function.

    f maps x to a scalar; x is a float array of any shape, h the step; verbose prints each entry as it is found.
    Returns an array of x's shape.
    """
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        grad[index] = _centred_difference(f, x, index, h) / (2 * h)
        if verbose:
            print(index, grad[index])
    return grad


def eval_numerical_gradient_array(f, x, df, h=1e-5):
    """Return the numeric gradient of sum(f(x) * df) for an array-valued function.

    f maps x to an array of df's shape; df is the upstream gradient, h the step. Returns an array of x's shape.
    """
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        grad[index] = np.sum(_centred_difference(f, x, index, h) * df) / (2 * h)
    return grad


def eval_numerical_gradient_blobs(f, inputs, output, h=1e-5):
    """Return a list of numeric gradients, one for each input, of a function that writes its result into an output blob.

    A blob has arrays `vals` and `diffs` of one shape. f(*inputs, output) reads the inputs' vals and writes output.vals;
    output.diffs is the upstream gradient.
    """

    def forward(_):
        f(*inputs, output)
        return output.vals

    return [eval_numerical_gradient_array(forward, blob.vals, output.diffs, h) for blob in inputs]


def eval_numerical_gradient_net(net, inputs, output, h=1e-5):
    """Return the list of `eval_numerical_gradient_blobs` for the function that net.forward() computes."""
    return eval_numerical_gradient_blobs(lambda *blobs: net.forward(), inputs, output, h=h)


def grad_check_sparse(f, x, analytic_grad, num_checks=10, h=1e-5, rng=None):
    """Print numeric gradient, analytic gradient and their relative error at num_checks random entries of x.

    f maps x to a scalar; analytic_grad has x's shape; rng is a random.Random, by default the random module's own.
    """
    rng = rng or random
    for _ in range(num_checks):
        index = tuple(rng.randrange(size) for size in x.shape)
        numeric = _centred_difference(f, x, index, h) / (2 * h)
        analytic = analytic_grad[index]
        # two exact zeros agree; without the floor their error would be 0 / 0
        error = abs(numeric - analytic) / max(abs(numeric) + abs(analytic), np.finfo(float).tiny)
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {error:e}")
