# Generated from reference/layers.py by "python -m grader stubs" (unedited: e8c690843544)
"""The layers of a neural network: each forward pass returns (out, cache), each backward pass takes (dout, cache).

`dout` is the gradient of the loss with respect to the layer's output; a backward pass returns the gradients with
respect to the forward pass's array arguments, in their order and of their shapes. No function modifies its array
arguments or the arrays in a cache, and float32 input gives float32 output. N counts samples, D features, C channels
(classes in `softmax_loss`), H and W the rows and columns of an image.
"""

import numpy as np


def affine_forward(x, w, b):
    """Apply a fully connected layer: flatten each sample to a row, multiply by w, add b.

    Shapes: x (N, d_1, ..., d_k), w (D, M) with D = d_1 * ... * d_k, b (M,).
    Returns out (N, M) and cache = (x, w, b).
    """
    # Write affine_forward here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("layers.affine_forward")
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    """Backpropagate through `affine_forward`.

    Shapes: dout (N, M), cache = (x, w, b).
    Returns dx (N, d_1, ..., d_k), dw (D, M), db (M,).
    """
    x, w, _ = cache
    # Write affine_backward here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("layers.affine_backward")
    return dx, dw, db


def relu_forward(x):
    """Replace negative entries by zero (Nair & Hinton 2010).

    Shapes: x of any shape. Returns out, of x's shape, and cache = x.
    """
    # Write relu_forward here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("layers.relu_forward")
    cache = x
    return out, cache


def relu_backward(dout, cache):
    """Backpropagate through `relu_forward`; the gradient at exactly 0 counts as 0.

    Shapes: dout and cache = x of one shape. Returns dx of that shape.
    """
    x = cache
    # Write relu_backward here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("layers.relu_backward")
    return dx


def softmax_loss(x, y):
    """Compute the mean cross-entropy loss of class scores, and its gradient; large scores must not overflow.

    Shapes: x (N, C) scores, y (N,) integer labels with 0 <= y[i] < C.
    Returns loss (a scalar, in nats, averaged over the N samples) and dx (N, C). No constant
    in the logarithm may bound the loss.
    """
    # Write softmax_loss here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("layers.softmax_loss")
    return loss, dx


def batchnorm_forward(x, gamma, beta, bn_param):
    """Normalize each feature over the batch, then scale by gamma and shift by beta.

    In train mode use the batch's mean and biased (1/N) variance, and update the running statistics with them:
    running = momentum * running + (1 - momentum) * batch statistic. In test mode use the running statistics.

    Shapes: x (N, D), gamma and beta (D,). Keys of bn_param:
      mode          'train' or 'test'; required
      eps           added to the variance inside the square root; default 1e-5
      momentum      weight of the old running value; default 0.9
      running_mean, running_var   (D,), default zeros of x's dtype; written back into bn_param on every call
    Returns out (N, D) and a cache for the backward pass (None in test mode).
    Raises ValueError on any other mode. Source: Ioffe & Szegedy 2015, section 3, algorithm 1.
    """
    mode = bn_param["mode"]
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    D = x.shape[1]
    running_mean = bn_param.get("running_mean", np.zeros(D, dtype=x.dtype))
    running_var = bn_param.get("running_var", np.zeros(D, dtype=x.dtype))

    cache = None
    if mode == "train":
        # Write batchnorm_forward here; tests/public/test_q2_normalization.py judges it.
        raise NotImplementedError("layers.batchnorm_forward")
    elif mode == "test":
        # Write batchnorm_forward here; tests/public/test_q2_normalization.py judges it.
        raise NotImplementedError("layers.batchnorm_forward")
    else:
        raise ValueError(f"bn_param['mode'] is {mode!r}; it must be 'train' or 'test'")

    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache


def batchnorm_backward(dout, cache):
    """Backpropagate through `batchnorm_forward` in train mode, node by node along its computation graph.

    Shapes: dout (N, D); cache from `batchnorm_forward`. Returns dx (N, D), dgamma (D,), dbeta (D,).
    """
    # Write batchnorm_backward here; tests/public/test_q2_normalization.py judges it.
    raise NotImplementedError("layers.batchnorm_backward")
    return dx, dgamma, dbeta


def batchnorm_backward_alt(dout, cache):
    """Backpropagate through `batchnorm_forward` in train mode by the simplified closed form of dx.

    Same arguments and results as `batchnorm_backward`, same cache, less work.
    """
    # Write batchnorm_backward_alt here; tests/public/test_q2_normalization.py judges it.
    raise NotImplementedError("layers.batchnorm_backward_alt")
    return dx, dgamma, dbeta


def layernorm_forward(x, gamma, beta, ln_param):
    """Normalize each sample over its features, then scale by gamma and shift by beta; alike in train and test mode.

    Shapes: x (N, D), gamma and beta (D,). Keys of ln_param: eps, added to the (1/D) variance inside the square root,
    default 1e-5; other keys are ignored.
    Returns out (N, D) and a cache for the backward pass. Source: Ba, Kiros & Hinton 2016, section 3.
    """
    eps = ln_param.get("eps", 1e-5)
    # Write layernorm_forward here; tests/public/test_q2_normalization.py judges it.
    raise NotImplementedError("layers.layernorm_forward")
    return out, cache


def layernorm_backward(dout, cache):
    """Backpropagate through `layernorm_forward`.

    Shapes: dout (N, D); cache from `layernorm_forward`. Returns dx (N, D), dgamma (D,), dbeta (D,).
    """
    # Write layernorm_backward here; tests/public/test_q2_normalization.py judges it.
    raise NotImplementedError("layers.layernorm_backward")
    return dx, dgamma, dbeta


def dropout_forward(x, dropout_param):
    """Apply inverted dropout: in train mode keep each unit with probability p and divide it by p; else do nothing.

    Shapes: x of any shape. Keys of dropout_param:
      p      probability of KEEPING a unit, 0 < p <= 1; required
      mode   'train' or 'test'; required
      seed   optional: draw the same mask on every call, as gradient checks need; layers that share a seed and a shape
             then share their mask, so train without it
    Draw the mask by one `rng.rand(*x.shape)`, keeping where it is < p: `rng` is np.random without a seed, and with one
    a generator of its own, so that seeding dropout leaves the global generator alone.
    Returns out, of x's shape and dtype, and cache = (dropout_param, mask); mask (0 or 1/p) is None in test mode.
    Raises ValueError on any other mode. Source: Srivastava et al. 2014, sections 4 and 10.
    """
    p, mode, seed = dropout_param["p"], dropout_param["mode"], dropout_param.get("seed")
    rng = np.random if seed is None else np.random.RandomState(seed)

    mask = None
    if mode == "train":
        # Write dropout_forward here; tests/public/test_q3_dropout.py judges it.
        raise NotImplementedError("layers.dropout_forward")
    elif mode == "test":
        # Write dropout_forward here; tests/public/test_q3_dropout.py judges it.
        raise NotImplementedError("layers.dropout_forward")
    else:
        raise ValueError(f"dropout_param['mode'] is {mode!r}; it must be 'train' or 'test'")

    cache = (dropout_param, mask)
    out = out.astype(x.dtype, copy=False)
    return out, cache


def dropout_backward(dout, cache):
    """Backpropagate through `dropout_forward`, in the mode that its cache was made in.

    Shapes: dout of any shape, cache = (dropout_param, mask). Returns dx of dout's shape and dtype.
    """
    dropout_param, mask = cache
    if dropout_param["mode"] == "train":
        # Write dropout_backward here; tests/public/test_q3_dropout.py judges it.
        raise NotImplementedError("layers.dropout_backward")
    else:
        dx = dout
    return dx.astype(dout.dtype, copy=False)


def conv_forward_naive(x, w, b, conv_param):
    """Convolve images with a bank of filters, by loops; cross-correlation, that is, without flipping the filters.

    Shapes: x (N, C, H, W), w (F, C, HH, WW), b (F,). Keys of conv_param, both required, in pixels:
      stride   step between neighbouring windows, the same in both directions
      pad      zeros added on each of the four sides of the image
    Returns out (N, F, H', W') with H' = 1 + (H + 2 * pad - HH) // stride and W' likewise, and
    cache = (x, w, b, conv_param). Source: LeCun et al. 1998, section II.A.
    """
    stride, pad = conv_param["stride"], conv_param["pad"]
    # Write conv_forward_naive here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.conv_forward_naive")
    cache = (x, w, b, conv_param)
    return out, cache


def conv_backward_naive(dout, cache):
    """Backpropagate through `conv_forward_naive`.

    Shapes: dout (N, F, H', W'), cache = (x, w, b, conv_param). Returns dx (N, C, H, W), dw (F, C, HH, WW), db (F,).
    """
    x, w, _, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    # Write conv_backward_naive here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.conv_backward_naive")
    return dx, dw, db


def max_pool_forward_naive(x, pool_param):
    """Take the maximum of each window of each channel, by loops; windows may overlap.

    Shapes: x (N, C, H, W). Keys of pool_param, all required, in pixels: pool_height, pool_width, stride.
    Returns out (N, C, H', W') with H' = 1 + (H - pool_height) // stride and W' likewise, and cache = (x, pool_param).
    """
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    # Write max_pool_forward_naive here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.max_pool_forward_naive")
    cache = (x, pool_param)
    return out, cache


def max_pool_backward_naive(dout, cache):
    """Backpropagate through `max_pool_forward_naive`: only each window's maximum receives the window's gradient.

    On a tie the first maximum, in row-major order, receives all of it.
    Shapes: dout (N, C, H', W'), cache = (x, pool_param). Returns dx (N, C, H, W).
    """
    x, pool_param = cache
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    # Write max_pool_backward_naive here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.max_pool_backward_naive")
    return dx


def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    """Batch-normalize images: each channel is a feature, each pixel of each image a sample.

    Shapes: x (N, C, H, W), gamma and beta (C,). Keys of bn_param: those of `batchnorm_forward`, with running statistics
    of shape (C,).
    Returns out (N, C, H, W) and a cache for the backward pass. Source: Ioffe & Szegedy 2015, section 3.2.
    """
    # Write spatial_batchnorm_forward here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.spatial_batchnorm_forward")
    return out, cache


def spatial_batchnorm_backward(dout, cache):
    """Backpropagate through `spatial_batchnorm_forward` in train mode.

    Shapes: dout (N, C, H, W); cache from `spatial_batchnorm_forward`. Returns dx (N, C, H, W), dgamma (C,), dbeta (C,).
    """
    # Write spatial_batchnorm_backward here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.spatial_batchnorm_backward")
    return dx, dgamma, dbeta


def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    """Normalize each image over each of G groups of C / G neighbouring channels, then scale and shift each channel.

    Shapes: x (N, C, H, W), gamma and beta (1, C, 1, 1); G divides C. Keys of gn_param: eps, added to the variance
    inside the square root, default 1e-5; other keys are ignored. Alike in train and test mode.
    Returns out (N, C, H, W) and a cache for the backward pass.
    Raises ValueError if G does not divide C. Source: Wu & He 2018, section 3.1.
    """
    eps = gn_param.get("eps", 1e-5)
    if x.shape[1] % G:
        raise ValueError(f"G = {G} groups do not divide the C = {x.shape[1]} channels of x; choose a divisor of C")
    # Write spatial_groupnorm_forward here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.spatial_groupnorm_forward")
    return out, cache


def spatial_groupnorm_backward(dout, cache):
    """Backpropagate through `spatial_groupnorm_forward`.

    Shapes: dout (N, C, H, W); cache from `spatial_groupnorm_forward`.
    Returns dx (N, C, H, W), dgamma and dbeta (1, C, 1, 1).
    """
    # Write spatial_groupnorm_backward here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("layers.spatial_groupnorm_backward")
    return dx, dgamma, dbeta
