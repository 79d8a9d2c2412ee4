"""im2col by indices lists the windows, for any filter shape, and col2im is its transpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.im2col import col2im_indices, get_im2col_indices, im2col_indices


@st.composite
def cases(draw):
    """Draw x and (field_height, field_width, padding, stride) that tile it."""
    height, width, stride = (draw(st.integers(1, 3)) for _ in range(3))
    padding = draw(st.integers(0, 2))
    H = max(height - 2 * padding, 0) + stride * draw(st.integers(1, 3))
    H -= (H + 2 * padding - height) % stride
    W = max(width - 2 * padding, 0) + stride * draw(st.integers(1, 3))
    W -= (W + 2 * padding - width) % stride
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 3)), H, W
    return np.random.default_rng(draw(st.integers(0, 2**16))).standard_normal(shape), (height, width, padding, stride)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(cases())
def test_columns_are_the_windows_and_col2im_is_the_transpose(case):
    x, (height, width, padding, stride) = case
    cols = im2col_indices(x, height, width, padding, stride)
    x_pad = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    expected = [
        x_pad[n, :, i : i + height, j : j + width].ravel()
        for i in range(0, x_pad.shape[2] - height + 1, stride)
        for j in range(0, x_pad.shape[3] - width + 1, stride)
        for n in range(len(x))
    ]
    assert (cols == np.transpose(expected)).all()
    # <cols, im2col(x)> = <col2im(cols), x> for every cols and x
    other = np.random.default_rng(0).standard_normal(cols.shape)
    back = col2im_indices(other, x.shape, height, width, padding, stride)
    assert back.shape == x.shape
    assert np.isclose(np.sum(other * cols), np.sum(back * x))


@pytest.mark.parametrize("shape", [(1, 1, 4, 5), (1, 1, 5, 4), (1, 1, 1, 9)])
def test_sizes_that_do_not_divide_are_named(shape):
    with pytest.raises(ValueError, match="do not tile a"):
        get_im2col_indices(shape, 3, 3, padding=0, stride=2)
