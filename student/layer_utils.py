# Generated from reference/layer_utils.py by "python -m grader stubs" (unedited: 7124a921855d)
"""Compound layers: layers that often follow each other, under one name; the cache is the tuple of their caches."""

# every layer, for compound layers of your own and for the networks, which take all from here
from .fast_layers import *
from .layers import *


def affine_relu_forward(x, w, b):
    """Apply an affine layer, then ReLU.

    Shapes: x (N, d_1, ..., d_k), w (D, M) with D = d_1 * ... * d_k, b (M,). Returns out (N, M) and a cache.
    """
    a, fc_cache = affine_forward(x, w, b)
    out, relu_cache = relu_forward(a)
    return out, (fc_cache, relu_cache)


def affine_relu_backward(dout, cache):
    """Backpropagate through `affine_relu_forward`. Returns dx, dw, db."""
    fc_cache, relu_cache = cache
    da = relu_backward(dout, relu_cache)
    return affine_backward(da, fc_cache)


# Compound layers of your own may stand here, such as affine, normalization, ReLU and dropout for `FullyConnectedNet`;
# the networks see them.


def conv_relu_forward(x, w, b, conv_param):
    """Apply a convolution, then ReLU.

    Shapes and conv_param as for `conv_forward_naive`. Returns out (N, F, H', W') and a cache.
    """
    a, conv_cache = conv_forward_fast(x, w, b, conv_param)
    out, relu_cache = relu_forward(a)
    return out, (conv_cache, relu_cache)


def conv_relu_backward(dout, cache):
    """Backpropagate through `conv_relu_forward`. Returns dx, dw, db."""
    conv_cache, relu_cache = cache
    da = relu_backward(dout, relu_cache)
    return conv_backward_fast(da, conv_cache)


def conv_bn_relu_forward(x, w, b, gamma, beta, conv_param, bn_param):
    """Apply a convolution, spatial batch normalization, then ReLU.

    Shapes and conv_param as for `conv_forward_naive`; gamma, beta (F,) and bn_param as for `spatial_batchnorm_forward`.
    Returns out (N, F, H', W') and a cache.
    """
    a, conv_cache = conv_forward_fast(x, w, b, conv_param)
    normed, bn_cache = spatial_batchnorm_forward(a, gamma, beta, bn_param)
    out, relu_cache = relu_forward(normed)
    return out, (conv_cache, bn_cache, relu_cache)


def conv_bn_relu_backward(dout, cache):
    """Backpropagate through `conv_bn_relu_forward` in train mode. Returns dx, dw, db, dgamma, dbeta."""
    conv_cache, bn_cache, relu_cache = cache
    dnormed = relu_backward(dout, relu_cache)
    da, dgamma, dbeta = spatial_batchnorm_backward(dnormed, bn_cache)
    dx, dw, db = conv_backward_fast(da, conv_cache)
    return dx, dw, db, dgamma, dbeta


def conv_relu_pool_forward(x, w, b, conv_param, pool_param):
    """Apply a convolution, ReLU, then max pooling.

    Shapes and conv_param as for `conv_forward_naive`, pool_param as for `max_pool_forward_naive`.
    Returns out, of the pooled shape, and a cache.
    """
    a, conv_cache = conv_forward_fast(x, w, b, conv_param)
    s, relu_cache = relu_forward(a)
    out, pool_cache = max_pool_forward_fast(s, pool_param)
    return out, (conv_cache, relu_cache, pool_cache)


def conv_relu_pool_backward(dout, cache):
    """Backpropagate through `conv_relu_pool_forward`. Returns dx, dw, db."""
    conv_cache, relu_cache, pool_cache = cache
    ds = max_pool_backward_fast(dout, pool_cache)
    da = relu_backward(ds, relu_cache)
    return conv_backward_fast(da, conv_cache)
