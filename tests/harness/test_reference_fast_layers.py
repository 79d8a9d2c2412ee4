"""The fast convolution and pooling agree with PyTorch on random shapes, strides and pads."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import fast_layers
from reference.fast_layers import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from reference.im2col import conv_backward_by_im2col, conv_forward_by_im2col
from reference.layers import conv_backward_naive, conv_forward_naive

repeatably = settings(derandomize=True, deadline=None, max_examples=100)


@st.composite
def conv_cases(draw):
    """Draw (x, w, b, conv_param) whose sizes divide; the filter may be as big as the padded image, or 1 x 1."""
    stride, pad = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    N, C, F = draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    field, size = [], []
    for _ in range(2):
        steps = draw(st.integers(0, 4))
        extent = draw(st.integers(max(1, 2 * pad + 1 - stride * steps), 2 * pad + 4))
        field.append(extent)
        size.append(stride * steps + extent - 2 * pad)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x, w, b = rng.standard_normal((N, C, *size)), rng.standard_normal((F, C, *field)), rng.standard_normal(F)
    order = draw(st.sampled_from("CF"))
    return np.asarray(x, order=order), np.asarray(w, order=order), b, {"stride": stride, "pad": pad}


@st.composite
def pool_cases(draw):
    """Draw (x, pool_param) with few different values, so most windows hold ties; windows may overlap or leave gaps."""
    stride = draw(st.integers(1, 3))
    field = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    size = [stride * draw(st.integers(0, 4)) + extent for extent in field]
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = rng.integers(-2, 3, (draw(st.integers(1, 4)), draw(st.integers(1, 4)), *size)).astype(float)
    order = draw(st.sampled_from("CF"))
    return np.asarray(x, order=order), {"pool_height": field[0], "pool_width": field[1], "stride": stride}


def relative_error(got, expected):
    assert got.shape == tuple(expected.shape)
    expected = np.asarray(expected)
    return np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-8)


def torch_gradients(function, arrays, dout):
    leaves = [torch.tensor(np.ascontiguousarray(a), requires_grad=True) for a in arrays]
    out = function(*leaves)
    return out.detach().numpy(), [g.numpy() for g in torch.autograd.grad(out, leaves, torch.from_numpy(dout))]


@repeatably
@given(conv_cases())
def test_convolution_is_that_of_torch(case):
    x, w, b, conv_param = case
    before = x.copy()
    out, cache = conv_forward_fast(x, w, b, conv_param)
    dout = np.random.default_rng(0).standard_normal(out.shape)
    stride, pad = conv_param["stride"], conv_param["pad"]
    expected, gradients = torch_gradients(
        lambda x, w, b: torch.nn.functional.conv2d(x, w, b, stride=stride, padding=pad), (x, w, b), dout
    )
    dout_before = dout.copy()
    got = conv_backward_fast(np.asarray(dout, order="F"), cache)
    assert relative_error(out, expected) < 1e-12
    for name, gradient, truth in zip(("dx", "dw", "db"), got, gradients, strict=True):
        assert relative_error(gradient, truth) < 1e-12, name
    assert (x == before).all() and (dout == dout_before).all()


@repeatably
@given(conv_cases())
def test_the_convolution_to_read_first_is_that_of_the_loops_and_of_the_tuned_layers(case):
    *arrays, conv_param = case
    before = [array.copy() for array in arrays]
    results = []
    for forward, backward in [
        (conv_forward_by_im2col, conv_backward_by_im2col),
        (conv_forward_naive, conv_backward_naive),
        (conv_forward_fast, conv_backward_fast),
    ]:
        out, cache = forward(*arrays, conv_param)
        dout = np.random.default_rng(0).standard_normal(out.shape)
        results.append([out, *backward(dout, cache)])
    for got, by_loops, tuned in zip(*results, strict=True):
        assert relative_error(got, by_loops) < 1e-12 and relative_error(got, tuned) < 1e-12
    assert all((array == old).all() for array, old in zip(arrays, before, strict=True))


@repeatably
@given(pool_cases())
def test_pooling_is_that_of_torch_and_ties_go_to_the_first_maximum(case):
    x, pool_param = case
    before = x.copy()
    out, cache = max_pool_forward_fast(x, pool_param)
    dout = np.random.default_rng(0).standard_normal(out.shape)
    field = pool_param["pool_height"], pool_param["pool_width"]
    expected, (gradient,) = torch_gradients(
        lambda x: torch.nn.functional.max_pool2d(x, field, stride=pool_param["stride"]), (x,), dout
    )
    dx = max_pool_backward_fast(dout, cache)
    assert (out == expected).all() and out.flags.writeable
    assert relative_error(dx, gradient) < 1e-14
    assert (x == before).all()


def test_a_window_of_equal_values_passes_its_gradient_to_its_first_corner():
    pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
    _, cache = max_pool_forward_fast(np.zeros((1, 1, 2, 2)), pool_param)
    assert max_pool_backward_fast(np.ones((1, 1, 1, 1)), cache).tolist() == [[[[1, 0], [0, 0]]]]


def test_pooling_takes_integers():
    pool_param = {"pool_height": 2, "pool_width": 2, "stride": 1}
    out, cache = max_pool_forward_fast(np.arange(9).reshape(1, 1, 3, 3), pool_param)
    assert out.tolist() == [[[[4, 5], [7, 8]]]] and out.dtype.kind == "i"
    dx = max_pool_backward_fast(np.full((1, 1, 2, 2), 0.5), cache)
    assert dx.tolist() == [[[[0, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]]]]


@pytest.mark.parametrize("stride", [1, 2])
def test_float32_stays_float32(stride):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in [(2, 3, 7, 7), (4, 3, 3, 3), (4,)])
    out, cache = conv_forward_fast(x, w, b, {"stride": stride, "pad": 1})
    pooled, pool_cache = max_pool_forward_fast(out, {"pool_height": 2, "pool_width": 2, "stride": 1})
    arrays = out, *conv_backward_fast(out, cache), pooled, max_pool_backward_fast(pooled, pool_cache)
    assert [a.dtype for a in arrays] == [np.float32] * 6


@pytest.mark.parametrize(("size", "extent", "pad"), [((6, 5), 2, 0), ((5, 6), 2, 0), ((2, 6), 5, 1), ((6, 6), 3, 1)])
def test_sizes_that_do_not_divide_are_named(size, extent, pad):
    x, w, b = np.zeros((1, 1, *size)), np.zeros((1, 1, extent, extent)), np.zeros(1)
    with pytest.raises(ValueError, match="do not tile"):
        conv_forward_fast(x, w, b, {"stride": 2, "pad": pad})


def test_a_pool_that_does_not_divide_is_named():
    with pytest.raises(ValueError, match="width 5"):
        max_pool_forward_fast(np.zeros((1, 1, 4, 5)), {"pool_height": 2, "pool_width": 2, "stride": 2})


def test_old_names_are_the_same_functions():
    assert fast_layers.conv_forward_strides is fast_layers.conv_forward_im2col is conv_forward_fast
    assert fast_layers.conv_backward_strides is fast_layers.conv_backward_im2col is conv_backward_fast
    assert fast_layers.max_pool_forward_reshape is fast_layers.max_pool_forward_im2col is max_pool_forward_fast
    assert fast_layers.max_pool_backward_reshape is fast_layers.max_pool_backward_im2col is max_pool_backward_fast
