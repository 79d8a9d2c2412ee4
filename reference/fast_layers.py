"""Convolution and max pooling without loops over samples or positions: the same functions as in `layers`, fast."""

import numpy as np


def _output_size(x, field, stride, pad=0):
    """Return (H', W'), how often a field (height, width) fits on the padded images x (N, C, H, W).

    Raises ValueError if the field is larger than the padded image, or if the stride leaves a rest at the border.
    """
    sizes = []
    for name, size, extent in zip(("height", "width"), x.shape[2:], field):
        steps, rest = divmod(size + 2 * pad - extent, stride)
        if steps < 0 or rest:
            raise ValueError(
                f"a field of {name} {extent} with stride {stride} does not tile an input of {name} {size} with pad {pad}: "
                f"{size} + 2*{pad} - {extent} must be a multiple of {stride}, and not negative"
            )
        sizes.append(steps + 1)
    return tuple(sizes)


# BEGIN SOLUTION
def _shifted_views(x, field, stride, size):
    """Yield ((i, j), view) where view (N, C, H', W') holds what position (i, j) of the field sees in every window."""
    for i in range(field[0]):
        for j in range(field[1]):
            yield (i, j), x[:, :, i : i + stride * size[0] : stride, j : j + stride * size[1] : stride]


def _im2col(x, field, stride, size):
    N, C = x.shape[:2]
    cols = np.empty((N, C, *field, *size), dtype=x.dtype)
    for (i, j), view in _shifted_views(x, field, stride, size):
        cols[:, :, i, j] = view
    return cols.reshape(N, -1, size[0] * size[1])


# END SOLUTION


def conv_forward_fast(x, w, b, conv_param):
    """Cross-correlate every image with every filter, as `conv_forward_naive` does.

    Shapes: x (N, C, H, W), w (F, C, HH, WW), b (F,); conv_param holds `stride` and `pad`.
    Returns (out, cache) with out (N, F, H', W'), H' = 1 + (H + 2*pad - HH)/stride and W' likewise; x is not modified.
    Raises ValueError if H' or W' is not a positive whole number.
    Source: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing" (2006).
    """
    stride, pad = conv_param["stride"], conv_param["pad"]
    H_out, W_out = _output_size(x, w.shape[2:], stride, pad)
    # BEGIN SOLUTION
    x_padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    cols = _im2col(x_padded, w.shape[2:], stride, (H_out, W_out))
    out = w.reshape(len(w), -1) @ cols + b[:, None]
    out = out.reshape(len(x), len(w), H_out, W_out)
    cache = x, w, b, conv_param, cols
    # END SOLUTION
    return out, cache


def conv_backward_fast(dout, cache):
    """Backpropagate through `conv_forward_fast`.

    Shapes: dout (N, F, H', W'), cache as the forward pass returned it.
    Returns dx (N, C, H, W), dw (F, C, HH, WW), db (F,).
    """
    # BEGIN SOLUTION
    x, w, _, conv_param, cols = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    size = dout.shape[2:]
    rows = dout.reshape(N, len(w), -1)
    db = rows.sum(axis=(0, 2))
    dw = (rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    dcols = (w.reshape(len(w), -1).T @ rows).reshape(N, C, *w.shape[2:], *size)
    dx = np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype=dcols.dtype)
    for (i, j), view in _shifted_views(dx, w.shape[2:], stride, size):
        view += dcols[:, :, i, j]
    dx = dx[:, :, pad : pad + H, pad : pad + W]
    # END SOLUTION
    return dx, dw, db


def max_pool_forward_fast(x, pool_param):
    """Take the maximum of every window, as `max_pool_forward_naive` does.

    Shapes: x (N, C, H, W); pool_param holds `pool_height`, `pool_width` and `stride`; windows may overlap.
    Returns (out, cache) with out (N, C, H', W'), H' = 1 + (H - pool_height)/stride and W' likewise; x is not modified.
    Raises ValueError if H' or W' is not a positive whole number.
    """
    field, stride = (pool_param["pool_height"], pool_param["pool_width"]), pool_param["stride"]
    H_out, W_out = _output_size(x, field, stride)
    # BEGIN SOLUTION
    out = x[:, :, : stride * H_out : stride, : stride * W_out : stride].copy()
    for _, view in _shifted_views(x, field, stride, (H_out, W_out)):
        np.maximum(out, view, out=out)
    cache = x, out, field, stride
    # END SOLUTION
    return out, cache


def max_pool_backward_fast(dout, cache):
    """Backpropagate through `max_pool_forward_fast`: each window passes its gradient to its first maximum, in row order.

    Shapes: dout (N, C, H', W'), cache as the forward pass returned it. Returns dx (N, C, H, W).
    """
    # BEGIN SOLUTION
    x, out, field, stride = cache
    dx = np.zeros(x.shape, dtype=dout.dtype)
    waiting = np.ones(out.shape, dtype=bool)
    views = _shifted_views(x, field, stride, out.shape[2:])
    dviews = _shifted_views(dx, field, stride, out.shape[2:])
    for (_, view), (_, dview) in zip(views, dviews):
        first = waiting & (view == out)
        dview += dout * first
        waiting &= ~first
    # END SOLUTION
    return dx


# Older material calls the fast layers by the name of the algorithm they once used; here one does the work of all.
conv_forward_strides = conv_forward_im2col = conv_forward_fast
conv_backward_strides = conv_backward_im2col = conv_backward_fast
max_pool_forward_reshape = max_pool_forward_im2col = max_pool_forward_fast
max_pool_backward_reshape = max_pool_backward_im2col = max_pool_backward_fast
