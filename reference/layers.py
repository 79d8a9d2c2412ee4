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
    # BEGIN SOLUTION
    rows = x.reshape(x.shape[0], w.shape[0])
    out = rows @ w + b
    # END SOLUTION
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    """Backpropagate through `affine_forward`.

    Shapes: dout (N, M), cache = (x, w, b).
    Returns dx (N, d_1, ..., d_k), dw (D, M), db (M,).
    """
    x, w, _ = cache
    # BEGIN SOLUTION
    rows = x.reshape(x.shape[0], w.shape[0])
    # out_nj = Σ_i x_ni w_ij + b_j, so by the chain rule dx_ni = Σ_j dout_nj w_ij, dw_ij = Σ_n x_ni dout_nj and
    # db_j = Σ_n dout_nj; a sum over the index that two factors share is a matrix product
    dx = (dout @ w.T).reshape(x.shape)
    dw = rows.T @ dout
    db = dout.sum(axis=0)
    # END SOLUTION
    return dx, dw, db


def relu_forward(x):
    """Replace negative entries by zero (Nair & Hinton 2010).

    Shapes: x of any shape. Returns out, of x's shape, and cache = x.
    """
    # BEGIN SOLUTION
    out = np.maximum(x, 0)
    # END SOLUTION
    cache = x
    return out, cache


def relu_backward(dout, cache):
    """Backpropagate through `relu_forward`; the gradient at exactly 0 counts as 0.

    Shapes: dout and cache = x of one shape. Returns dx of that shape.
    """
    x = cache
    # BEGIN SOLUTION
    dx = dout * (x > 0)
    # END SOLUTION
    return dx


def softmax_loss(x, y):
    """Compute the mean cross-entropy loss of class scores, and its gradient; large scores must not overflow.

    Shapes: x (N, C) scores, y (N,) integer labels with 0 <= y[i] < C.
    Returns loss (a scalar, in nats, averaged over the N samples) and dx (N, C). No constant
    in the logarithm may bound the loss.
    """
    # BEGIN SOLUTION
    # p_nj = exp(x_nj) / Σ_k exp(x_nk), so -log p_ny = log Σ_k exp(x_nk) - x_ny with y = y_n; shifting a row of x by a
    # constant changes neither, and with its maximum at 0 no exponential overflows
    N = x.shape[0]
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(N), y].mean()
    # the derivative of log Σ_k exp(x_nk) by x_nj is p_nj, that of x_ny is 1[j = y]: dx_nj = (p_nj - 1[j = y]) / N
    dx = np.exp(log_p)
    dx[np.arange(N), y] -= 1
    dx /= N
    # END SOLUTION
    return loss, dx


# BEGIN SOLUTION
def _normalize(x, axis, eps):
    """Return x_hat, which is x with mean 0 and variance 1 along `axis`, and sigma = sqrt(variance + eps), axis kept."""
    mu = x.mean(axis=axis, keepdims=True)
    x_centred = x - mu
    sigma = np.sqrt(np.square(x_centred).mean(axis=axis, keepdims=True) + eps)
    return x_centred / sigma, sigma


def _normalize_backward(dx_hat, x_hat, sigma, axis):
    """Backpropagate through x_hat = (x - mu) / sigma, whose mu and sigma depend on x too.

    With n entries along `axis`, ∂mu/∂x_i = 1/n and ∂sigma/∂x_i = x_hat_i / n, so
    ∂x_hat_k/∂x_i = (1[k = i] - 1/n - x_hat_k x_hat_i / n) / sigma, and dx_i = Σ_k dx_hat_k ∂x_hat_k/∂x_i.
    The same without indices: shifting or scaling x leaves x_hat as it was, so dx has no component along 1 nor along
    x_hat. Project the gradient off both, then divide by sigma.
    """
    along_one = dx_hat.mean(axis=axis, keepdims=True)
    along_x_hat = (dx_hat * x_hat).mean(axis=axis, keepdims=True) * x_hat
    return (dx_hat - along_one - along_x_hat) / sigma


# END SOLUTION
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
        # BEGIN SOLUTION
        mu = x.mean(axis=0)
        x_centred = x - mu
        var = np.square(x_centred).mean(axis=0)
        sigma = np.sqrt(var + eps)
        x_hat = x_centred / sigma
        out = gamma * x_hat + beta
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
        cache = (x_hat, sigma, gamma)
        # END SOLUTION
    elif mode == "test":
        # BEGIN SOLUTION
        x_hat = (x - running_mean) / np.sqrt(running_var + eps)
        out = gamma * x_hat + beta
        # END SOLUTION
    else:
        raise ValueError(f"bn_param['mode'] is {mode!r}; it must be 'train' or 'test'")

    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache


def batchnorm_backward(dout, cache):
    """Backpropagate through `batchnorm_forward` in train mode, node by node along its computation graph.

    Shapes: dout (N, D); cache from `batchnorm_forward`. Returns dx (N, D), dgamma (D,), dbeta (D,).
    """
    # BEGIN SOLUTION
    x_hat, sigma, gamma = cache
    N = dout.shape[0]
    # out_nd = gamma_d x_hat_nd + beta_d
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x_hat).sum(axis=0)
    dx_hat = dout * gamma
    # x_hat = x_centred / sigma
    dx_centred = dx_hat / sigma
    dsigma = -(dx_hat * x_hat).sum(axis=0) / sigma
    # sigma = sqrt(var + eps), var = mean(x_centred ** 2)
    dvar = dsigma / (2 * sigma)
    x_centred = x_hat * sigma
    dx_centred += dvar * 2 * x_centred / N
    # x_centred = x - mu, mu = mean(x): x reaches the loss directly and through mu
    dmu = -dx_centred.sum(axis=0)
    dx = dx_centred + dmu / N
    # END SOLUTION
    return dx, dgamma, dbeta


def batchnorm_backward_alt(dout, cache):
    """Backpropagate through `batchnorm_forward` in train mode by the simplified closed form of dx.

    Same arguments and results as `batchnorm_backward`, same cache, less work.
    """
    # BEGIN SOLUTION
    x_hat, sigma, gamma = cache
    N = dout.shape[0]
    dgamma = (dout * x_hat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    # dx of _normalize_backward, with dx_hat = gamma * dout; gamma is one factor for the whole column, so both sums are
    # known: Σ_n dx_hat_n = gamma dbeta and Σ_n dx_hat_n x_hat_n = gamma dgamma
    dx = gamma / sigma * (dout - dbeta / N - x_hat * dgamma / N)
    # END SOLUTION
    return dx, dgamma, dbeta


def layernorm_forward(x, gamma, beta, ln_param):
    """Normalize each sample over its features, then scale by gamma and shift by beta; alike in train and test mode.

    Shapes: x (N, D), gamma and beta (D,). Keys of ln_param: eps, added to the (1/D) variance inside the square root,
    default 1e-5; other keys are ignored.
    Returns out (N, D) and a cache for the backward pass. Source: Ba, Kiros & Hinton 2016, section 3.
    """
    eps = ln_param.get("eps", 1e-5)
    # BEGIN SOLUTION
    x_hat, sigma = _normalize(x, axis=1, eps=eps)
    out = gamma * x_hat + beta
    cache = (x_hat, sigma, gamma)
    # END SOLUTION
    return out, cache


def layernorm_backward(dout, cache):
    """Backpropagate through `layernorm_forward`.

    Shapes: dout (N, D); cache from `layernorm_forward`. Returns dx (N, D), dgamma (D,), dbeta (D,).
    """
    # BEGIN SOLUTION
    x_hat, sigma, gamma = cache
    # batch normalization with the axes exchanged: statistics of a row, while gamma_d and beta_d belong to a column.
    # So gamma differs within what is averaged, and stays inside; dgamma_d = Σ_n dout_nd x_hat_nd as there
    dx = _normalize_backward(gamma * dout, x_hat, sigma, axis=1)
    dgamma = (dout * x_hat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    # END SOLUTION
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
        # BEGIN SOLUTION
        # E[mask] = p * 1/p + (1 - p) * 0 = 1, so E[out] = x, as in test mode
        mask = (rng.rand(*x.shape) < p).astype(x.dtype) / p
        out = x * mask
        # END SOLUTION
    elif mode == "test":
        # BEGIN SOLUTION
        out = x
        # END SOLUTION
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
        # BEGIN SOLUTION
        # out_i = mask_i x_i, and the mask does not depend on x
        dx = dout * mask
        # END SOLUTION
    else:
        dx = dout
    return dx.astype(dout.dtype, copy=False)


# BEGIN SOLUTION
def _windows(out_height, out_width, height, width, stride):
    """Yield each output position i, j with the index of the (N, C, height, width) window of the input that it sees."""
    for i, j in np.ndindex(out_height, out_width):
        top, left = i * stride, j * stride
        yield i, j, np.s_[:, :, top : top + height, left : left + width]


# END SOLUTION
def conv_forward_naive(x, w, b, conv_param):
    """Convolve images with a bank of filters, by loops; cross-correlation, that is, without flipping the filters.

    Shapes: x (N, C, H, W), w (F, C, HH, WW), b (F,). Keys of conv_param, both required, in pixels:
      stride   step between neighbouring windows, the same in both directions
      pad      zeros added on each of the four sides of the image
    Returns out (N, F, H', W') with H' = 1 + (H + 2 * pad - HH) // stride and W' likewise, and
    cache = (x, w, b, conv_param). Source: LeCun et al. 1998, section II.A.
    """
    stride, pad = conv_param["stride"], conv_param["pad"]
    # BEGIN SOLUTION
    (N, _, H, W), (F, _, HH, WW) = x.shape, w.shape
    H_out, W_out = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    x_pad = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    w_rows = w.reshape(F, -1)
    out = np.empty((N, F, H_out, W_out), dtype=np.result_type(x, w, b))
    # out[n,f,i,j] = Σ_cuv w[f,c,u,v] x_pad[n,c,s*i+u,s*j+v] + b[f] with stride s: one affine layer, applied to the
    # window under every output position (i, j)
    for i, j, window in _windows(H_out, W_out, HH, WW, stride):
        out[:, :, i, j] = x_pad[window].reshape(N, -1) @ w_rows.T + b
    # END SOLUTION
    cache = (x, w, b, conv_param)
    return out, cache


def conv_backward_naive(dout, cache):
    """Backpropagate through `conv_forward_naive`.

    Shapes: dout (N, F, H', W'), cache = (x, w, b, conv_param). Returns dx (N, C, H, W), dw (F, C, HH, WW), db (F,).
    """
    x, w, _, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    # BEGIN SOLUTION
    (N, C, H, W), (F, _, HH, WW), (_, _, H_out, W_out) = x.shape, w.shape, dout.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    w_rows = w.reshape(F, -1)
    dx_pad = np.zeros(x_pad.shape, dtype=np.result_type(dout, w))
    dw_rows = np.zeros(w_rows.shape, dtype=np.result_type(dout, x))
    # affine gradients of each window; all windows share w and some share pixels, so these sums run over windows:
    # dw[f,c,u,v] = Σ_nij dout[n,f,i,j] x_pad[n,c,s*i+u,s*j+v]
    # dx_pad[n,c,y,x] = Σ_fijuv dout[n,f,i,j] w[f,c,u,v] over all s*i+u = y, s*j+v = x
    for i, j, window in _windows(H_out, W_out, HH, WW, stride):
        dx_pad[window] += (dout[:, :, i, j] @ w_rows).reshape(N, C, HH, WW)
        dw_rows += dout[:, :, i, j].T @ x_pad[window].reshape(N, -1)
    dx = dx_pad[:, :, pad : pad + H, pad : pad + W]
    dw = dw_rows.reshape(w.shape)
    db = dout.sum(axis=(0, 2, 3))
    # END SOLUTION
    return dx, dw, db


def max_pool_forward_naive(x, pool_param):
    """Take the maximum of each window of each channel, by loops; windows may overlap.

    Shapes: x (N, C, H, W). Keys of pool_param, all required, in pixels: pool_height, pool_width, stride.
    Returns out (N, C, H', W') with H' = 1 + (H - pool_height) // stride and W' likewise, and cache = (x, pool_param).
    """
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    # BEGIN SOLUTION
    N, C, H, W = x.shape
    H_out, W_out = 1 + (H - height) // stride, 1 + (W - width) // stride
    out = np.empty((N, C, H_out, W_out), dtype=x.dtype)
    for i, j, window in _windows(H_out, W_out, height, width, stride):
        out[:, :, i, j] = x[window].max(axis=(2, 3))
    # END SOLUTION
    cache = (x, pool_param)
    return out, cache


def max_pool_backward_naive(dout, cache):
    """Backpropagate through `max_pool_forward_naive`: only each window's maximum receives the window's gradient.

    On a tie the first maximum, in row-major order, receives all of it.
    Shapes: dout (N, C, H', W'), cache = (x, pool_param). Returns dx (N, C, H, W).
    """
    x, pool_param = cache
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    # BEGIN SOLUTION
    N, C, H_out, W_out = dout.shape
    dx = np.zeros(x.shape, dtype=dout.dtype)
    # out is a copy of the winner's x, so its derivative is 1 there and 0 elsewhere
    for i, j, window in _windows(H_out, W_out, height, width, stride):
        winner = x[window].reshape(N, C, -1).argmax(axis=2, keepdims=True)
        dwindow = np.zeros((N, C, height * width), dtype=dout.dtype)
        np.put_along_axis(dwindow, winner, dout[:, :, i, j, np.newaxis], axis=2)
        dx[window] += dwindow.reshape(N, C, height, width)
    # END SOLUTION
    return dx


def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    """Batch-normalize images: each channel is a feature, each pixel of each image a sample.

    Shapes: x (N, C, H, W), gamma and beta (C,). Keys of bn_param: those of `batchnorm_forward`, with running statistics
    of shape (C,).
    Returns out (N, C, H, W) and a cache for the backward pass. Source: Ioffe & Szegedy 2015, section 3.2.
    """
    # BEGIN SOLUTION
    N, C, H, W = x.shape
    # (N * H * W, C), with each channel contiguous in memory: sums over pixels are then faster and round less
    pixels = x.transpose(1, 0, 2, 3).reshape(C, -1).T
    out, cache = batchnorm_forward(pixels, gamma, beta, bn_param)
    out = out.T.reshape(C, N, H, W).transpose(1, 0, 2, 3)
    # END SOLUTION
    return out, cache


def spatial_batchnorm_backward(dout, cache):
    """Backpropagate through `spatial_batchnorm_forward` in train mode.

    Shapes: dout (N, C, H, W); cache from `spatial_batchnorm_forward`. Returns dx (N, C, H, W), dgamma (C,), dbeta (C,).
    """
    # BEGIN SOLUTION
    N, C, H, W = dout.shape
    dpixels = dout.transpose(1, 0, 2, 3).reshape(C, -1).T
    dx, dgamma, dbeta = batchnorm_backward_alt(dpixels, cache)
    dx = dx.T.reshape(C, N, H, W).transpose(1, 0, 2, 3)
    # END SOLUTION
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
    # BEGIN SOLUTION
    groups = x.reshape(x.shape[0], G, -1)
    x_hat, sigma = _normalize(groups, axis=2, eps=eps)
    out = gamma * x_hat.reshape(x.shape) + beta
    cache = (x_hat, sigma, gamma)
    # END SOLUTION
    return out, cache


def spatial_groupnorm_backward(dout, cache):
    """Backpropagate through `spatial_groupnorm_forward`.

    Shapes: dout (N, C, H, W); cache from `spatial_groupnorm_forward`.
    Returns dx (N, C, H, W), dgamma and dbeta (1, C, 1, 1).
    """
    # BEGIN SOLUTION
    x_hat, sigma, gamma = cache
    # layer normalization of each group; gamma_c and beta_c belong to a channel, so their sums run over n, h and w
    dx_hat = (gamma * dout).reshape(x_hat.shape)
    dx = _normalize_backward(dx_hat, x_hat, sigma, axis=2).reshape(dout.shape)
    dgamma = (dout * x_hat.reshape(dout.shape)).sum(axis=(0, 2, 3), keepdims=True)
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    # END SOLUTION
    return dx, dgamma, dbeta
