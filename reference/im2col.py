"""im2col and col2im by index arrays: the windows of a batch of images as the columns of one matrix, and back."""

import numpy as np


def get_im2col_indices(x_shape, field_height, field_width, padding=1, stride=1):
    """Return index arrays (k, i, j): channel, row and column, in the padded image, of the entries of `im2col_indices`.

    Shapes: x_shape = (N, C, H, W); k (C * field_height * field_width, 1), i and j
    (C * field_height * field_width, H' * W'), with H' = (H + 2 * padding - field_height) / stride + 1 and W' likewise.
    Raises ValueError if the windows do not tile the padded image exactly.
    """
    _, C, H, W = x_shape
    i_steps, i_rest = divmod(H + 2 * padding - field_height, stride)
    j_steps, j_rest = divmod(W + 2 * padding - field_width, stride)
    if i_rest or j_rest or i_steps < 0 or j_steps < 0:
        raise ValueError(
            f"{field_height}x{field_width} windows, stride {stride}, do not tile a {H}x{W} image padded by {padding}; "
            "change the stride or the padding"
        )
    k, i_field, j_field = np.indices((C, field_height, field_width)).reshape(3, -1, 1)
    i_window, j_window = stride * np.indices((i_steps + 1, j_steps + 1)).reshape(2, 1, -1)
    return k, i_field + i_window, j_field + j_window


def im2col_indices(x, field_height, field_width, padding=1, stride=1):
    """Return the windows of x as columns, zeros padded around each image.

    Shapes: x (N, C, H, W); returns (C * field_height * field_width, H' * W' * N), the sample index varying fastest.
    Raises ValueError as `get_im2col_indices`.
    """
    k, i, j = get_im2col_indices(x.shape, field_height, field_width, padding, stride)
    x_padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = x_padded[:, k, i, j]
    return windows.transpose(1, 2, 0).reshape(windows.shape[1], -1)


def col2im_indices(cols, x_shape, field_height=3, field_width=3, padding=1, stride=1):
    """Add columns back into images, the transpose of `im2col_indices`: entries of overlapping windows are summed.

    Shapes: cols (C * field_height * field_width, H' * W' * N), x_shape = (N, C, H, W); returns (N, C, H, W).
    Raises ValueError as `get_im2col_indices`.
    """
    N, C, H, W = x_shape
    k, i, j = get_im2col_indices(x_shape, field_height, field_width, padding, stride)
    x_padded = np.zeros((N, C, H + 2 * padding, W + 2 * padding), dtype=cols.dtype)
    windows = cols.reshape(len(k), -1, N).transpose(2, 0, 1)
    np.add.at(x_padded, (slice(None), k, i, j), windows)
    return x_padded[:, :, padding : padding + H, padding : padding + W]


# BEGIN SOLUTION
def conv_forward_by_im2col(x, w, b, conv_param):
    """Convolve in the order of the lecture: make each window a column, then apply all filters by one matrix product.

    Arguments, out and errors are those of `fast_layers.conv_forward_fast`, which is the same, tuned.
    Returns out (N, F, H', W') and a cache for `conv_backward_by_im2col`.
    """
    stride, pad = conv_param["stride"], conv_param["pad"]
    (N, _, H, W), (F, _, HH, WW) = x.shape, w.shape
    H_out, W_out = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    # (C*HH*WW, H'*W'*N): column (i, j, n) holds all that the filters see of image n at the position (i, j)
    cols = im2col_indices(x, HH, WW, pad, stride)
    # (F, C*HH*WW) times that: out_fm = Σ_k w_fk cols_km + b_f, an affine layer with the filters as its weights
    out = w.reshape(F, -1) @ cols + b[:, np.newaxis]
    cache = (x.shape, w, cols, conv_param)
    return out.reshape(F, H_out, W_out, N).transpose(3, 0, 1, 2), cache


def conv_backward_by_im2col(dout, cache):
    """Backpropagate through `conv_forward_by_im2col`: an affine layer's gradients, then col2im.

    Shapes: dout (N, F, H', W'). Returns dx (N, C, H, W), dw (F, C, HH, WW), db (F,).
    """
    x_shape, w, cols, conv_param = cache
    F, _, HH, WW = w.shape
    dout_rows = dout.transpose(1, 2, 3, 0).reshape(F, -1)
    # dw_fk = Σ_m dout_fm cols_km, db_f = Σ_m dout_fm, dcols_km = Σ_f w_fk dout_fm
    dw = (dout_rows @ cols.T).reshape(w.shape)
    db = dout_rows.sum(axis=1)
    dcols = w.reshape(F, -1).T @ dout_rows
    # a pixel that several windows see gets the sum of their gradients
    dx = col2im_indices(dcols, x_shape, HH, WW, conv_param["pad"], conv_param["stride"])
    return dx, dw, db


# END SOLUTION
