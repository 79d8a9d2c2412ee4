"""Convolution and max pooling as in `layers`, but fast: no loop over the positions of the output.

A convolution is fast as a product of matrices, by `@`, np.tensordot or np.einsum with optimize=True; without that,
np.einsum multiplies number by number, which takes some thirty times as long.

As in `layers`, no function modifies its arguments or what a cache holds, and float32 input gives float32 output.
"""

import numpy as np


def _output_size(x, field, stride, pad=0):
    """Return (H', W'), how many windows of size field = (height, width) lie down and across padded images.

    Raises ValueError if the field is larger than the padded image, or if the stride leaves a rest at its border.
    """
    sizes = []
    for name, size, extent in zip(("height", "width"), x.shape[2:], field):
        steps, rest = divmod(size + 2 * pad - extent, stride)
        if steps < 0 or rest:
            raise ValueError(
                f"windows of {name} {extent} do not tile images of {name} {size} with pad {pad} and stride {stride}: "
                f"{size} + 2*{pad} - {extent} must be a multiple of {stride} and not negative; change pad or stride"
            )
        sizes.append(steps + 1)
    return tuple(sizes)


# BEGIN SOLUTION
# Read `conv_forward_by_im2col` of `im2col` first: the same convolution in the order of the lecture. What follows adds
# speed: few samples at a time, so that the processor's cache holds them, and copies of long stretches of memory.
def _blocks(N, bytes_per_sample):
    """Yield slices of about a megabyte of samples, so that each step finds in the cache what the last one wrote."""
    step = max(1, 2**20 // max(1, bytes_per_sample))
    for start in range(0, N, step):
        yield slice(start, start + step)


def _pad(x, pad):
    """Surround images (n, C, H, W) by zeros, with one row more at the bottom for the windows that wrap around."""
    n, C, H, W = x.shape
    x_pad = np.zeros((n, C, H + 2 * pad + 1, W + 2 * pad), dtype=x.dtype)
    x_pad[:, :, pad : pad + H, pad : pad + W] = x
    return x_pad


def _windows(x_pad, field, stride, size):
    """View images (n, C, H, W) as their windows (n, C, HH, WW, H', W'); nothing is copied."""
    shape = (*x_pad.shape[:2], *field, *size)
    n, c, h, w = x_pad.strides
    return np.lib.stride_tricks.as_strided(x_pad, shape, (n, c, h, w, stride * h, stride * w))


def _blocks_of_windows(x, field, stride, pad, size):
    """Yield (block, windows): a slice of few samples, and their windows (n, C, HH, WW, H', W_wide), W_wide >= W'.

    With stride 1, W_wide is the padded width: windows that wrap around the right border are taken too, and their
    outputs cropped. In return all that one entry of a filter meets lies in one stretch of memory, so copies run long.
    """
    (N, C, _, W), (H_out, W_out) = x.shape, size
    W_pad = W + 2 * pad
    W_wide = W_pad if stride == 1 and W_pad <= 2 * W_out else W_out
    for block in _blocks(N, C * field[0] * field[1] * H_out * W_wide * x.itemsize):
        yield block, _windows(_pad(x[block], pad), field, stride, (H_out, W_wide))


def _im2col(windows):
    """Copy windows (n, C, HH, WW, H', W') into columns (n, C*HH*WW, H'*W'): a column holds all that one window sees."""
    n, C, HH, WW, H_out, W_out = windows.shape
    return windows.reshape(n, C * HH * WW, H_out * W_out)


def _col2im(cols, windows_shape, x_shape, stride, pad):
    """Add columns into images (n, C, H, W), summed where windows overlap: the transpose of `_pad` to `_im2col`."""
    (n, C, HH, WW, *size), (H, W) = windows_shape, x_shape[2:]
    dx_pad = _pad(np.zeros((n, C, H, W), dtype=cols.dtype), pad)
    windows, cols = _windows(dx_pad, (HH, WW), stride, size), cols.reshape(windows_shape)
    # windows overlap each other, but what they all see at one place (i, j) of theirs does not
    for i in range(HH):
        for j in range(WW):
            windows[:, :, i, j] += cols[:, :, i, j]
    return dx_pad[:, :, pad : pad + H, pad : pad + W]


# END SOLUTION


def conv_forward_fast(x, w, b, conv_param):
    """Cross-correlate every image with every filter, as `conv_forward_naive` does.

    Shapes: x (N, C, H, W), w (F, C, HH, WW), b (F,); conv_param holds `stride` and `pad`.
    Returns (out, cache) with out (N, F, H', W'), H' = 1 + (H + 2*pad - HH)/stride and W' likewise; x is not modified.
    cache is whatever `conv_backward_fast` needs.
    Raises ValueError if H' or W' is not a positive whole number.
    Source: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing" (2006).
    """
    stride, pad = conv_param["stride"], conv_param["pad"]
    H_out, W_out = _output_size(x, w.shape[2:], stride, pad)
    # BEGIN SOLUTION
    N, (F, _, *field) = len(x), w.shape
    w_rows = w.reshape(F, -1)
    out = np.empty((N, F, H_out, W_out), dtype=np.result_type(x, w, b))
    for block, windows in _blocks_of_windows(x, field, stride, pad, (H_out, W_out)):
        # out_nfm = Σ_k w_fk cols_nkm + b_f: one matrix product applies every filter to every window
        wide = (w_rows @ _im2col(windows)).reshape(len(windows), F, H_out, -1)
        out[block] = wide[..., :W_out] + b[:, None, None]
    cache = (x, w, conv_param)
    # END SOLUTION
    return out, cache


def conv_backward_fast(dout, cache):
    """Backpropagate through `conv_forward_fast`.

    Shapes: dout (N, F, H', W'), cache as the forward pass returned it.
    Returns dx (N, C, H, W), dw (F, C, HH, WW), db (F,).
    Source: Dumoulin, Visin, "A Guide to Convolution Arithmetic for Deep Learning" (2016), section 4.
    """
    # BEGIN SOLUTION
    x, w, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    (_, F, H_out, W_out), (_, _, *field) = dout.shape, w.shape
    w_rows = w.reshape(F, -1)
    dx = np.empty(x.shape, dtype=np.result_type(dout, w))
    dw_rows = np.zeros(w_rows.shape, dtype=np.result_type(dout, x))
    for block, windows in _blocks_of_windows(x, field, stride, pad, (H_out, W_out)):
        # windows that wrap around get no gradient
        wide = np.zeros((len(windows), F, *windows.shape[4:]), dtype=dout.dtype)
        wide[..., :W_out] = dout[block]
        dout_rows = wide.reshape(len(windows), F, -1)
        # an affine layer's gradients, dw = dout cols^T and dcols = w^T dout; copying the columns again is cheaper than
        # keeping them
        dw_rows += (dout_rows @ _im2col(windows).transpose(0, 2, 1)).sum(axis=0)
        dx[block] = _col2im(w_rows.T @ dout_rows, windows.shape, x.shape, stride, pad)
    dw = dw_rows.reshape(w.shape)
    db = dout.sum(axis=(0, 2, 3))
    # END SOLUTION
    return dx, dw, db


def max_pool_forward_fast(x, pool_param):
    """Take the maximum of every window, as `max_pool_forward_naive` does.

    Shapes: x (N, C, H, W); pool_param holds `pool_height`, `pool_width` and `stride`; windows may overlap.
    Returns (out, cache) with out (N, C, H', W'), H' = 1 + (H - pool_height)/stride and W' likewise; x is not modified.
    cache is whatever `max_pool_backward_fast` needs.
    Raises ValueError if H' or W' is not a positive whole number.
    """
    field, stride = (pool_param["pool_height"], pool_param["pool_width"]), pool_param["stride"]
    H_out, W_out = _output_size(x, field, stride)
    # BEGIN SOLUTION
    # the maximum over a window is that over its columns, of the maxima over each column's rows
    rows = x[:, :, : stride * H_out : stride].copy()
    for i in range(1, field[0]):
        np.maximum(rows, x[:, :, i : i + stride * H_out : stride], out=rows)
    out = rows[..., : stride * W_out : stride].copy()
    for j in range(1, field[1]):
        np.maximum(out, rows[..., j : j + stride * W_out : stride], out=out)
    cache = (x, out, field, stride)
    # END SOLUTION
    return out, cache


def max_pool_backward_fast(dout, cache):
    """Backpropagate through `max_pool_forward_fast`: only each window's maximum receives the window's gradient.

    On a tie the first maximum, in row-major order, receives all of it.
    Shapes: dout (N, C, H', W'), cache as the forward pass returned it. Returns dx (N, C, H, W).
    """
    # BEGIN SOLUTION
    x, out, field, stride = cache
    dx = np.zeros(x.shape, dtype=dout.dtype)
    for block in _blocks(len(x), x[:1].nbytes):
        windows, dx_windows = (_windows(images[block], field, stride, out.shape[2:]) for images in (x, dx))
        unclaimed = np.ones(out[block].shape, dtype=bool)
        for i in range(field[0]):
            for j in range(field[1]):
                first = unclaimed & (windows[:, :, i, j] == out[block])
                dx_windows[:, :, i, j] += dout[block] * first
                unclaimed ^= first
    # END SOLUTION
    return dx


# Older material calls the fast layers by the name of the algorithm they once used; here one does the work of all.
conv_forward_strides = conv_forward_im2col = conv_forward_fast
conv_backward_strides = conv_backward_im2col = conv_backward_fast
max_pool_forward_reshape = max_pool_forward_im2col = max_pool_forward_fast
max_pool_backward_reshape = max_pool_backward_im2col = max_pool_backward_fast
