# Generated from reference/fast_layers.py by "python -m grader stubs" (unedited: 2f676f40d528)
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
    # Write conv_forward_fast here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("fast_layers.conv_forward_fast")
    return out, cache


def conv_backward_fast(dout, cache):
    """Backpropagate through `conv_forward_fast`.

    Shapes: dout (N, F, H', W'), cache as the forward pass returned it.
    Returns dx (N, C, H, W), dw (F, C, HH, WW), db (F,).
    Source: Dumoulin, Visin, "A Guide to Convolution Arithmetic for Deep Learning" (2016), section 4.
    """
    # Write conv_backward_fast here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("fast_layers.conv_backward_fast")
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
    # Write max_pool_forward_fast here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("fast_layers.max_pool_forward_fast")
    return out, cache


def max_pool_backward_fast(dout, cache):
    """Backpropagate through `max_pool_forward_fast`: only each window's maximum receives the window's gradient.

    On a tie the first maximum, in row-major order, receives all of it.
    Shapes: dout (N, C, H', W'), cache as the forward pass returned it. Returns dx (N, C, H, W).
    """
    # Write max_pool_backward_fast here; tests/public/test_q4_convolution.py judges it.
    raise NotImplementedError("fast_layers.max_pool_backward_fast")
    return dx


# Older material calls the fast layers by the name of the algorithm they once used; here one does the work of all.
conv_forward_strides = conv_forward_im2col = conv_forward_fast
conv_backward_strides = conv_backward_im2col = conv_backward_fast
max_pool_forward_reshape = max_pool_forward_im2col = max_pool_forward_fast
max_pool_backward_reshape = max_pool_backward_im2col = max_pool_backward_fast
