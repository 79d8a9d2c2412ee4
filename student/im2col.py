# Generated from reference/im2col.py by "python -m grader stubs" (unedited: 913463836b55)
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
