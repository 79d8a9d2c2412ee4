"""Every NumPy layer agrees with PyTorch in float64 on random shapes, leaves its inputs alone and keeps float32."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import layer_utils, layers
from reference.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_backward_alt,
    batchnorm_forward,
    conv_backward_naive,
    conv_forward_naive,
    dropout_backward,
    dropout_forward,
    layernorm_backward,
    layernorm_forward,
    max_pool_backward_naive,
    max_pool_forward_naive,
    relu_backward,
    relu_forward,
    softmax_loss,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
)

repeatably = settings(derandomize=True, deadline=None, max_examples=50)
seeds = st.integers(0, 2**16)
few = st.integers(1, 5)
several = st.integers(3, 8)


def normal(seed, *shapes):
    """Draw an array of each shape, the offset keeping batch statistics away from 0."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) + 0.5 for shape in shapes)


def relative_error(got, expected):
    assert np.shape(got) == tuple(expected.shape)
    expected = np.asarray(expected)
    return np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-3)


def assert_agree(forward, backward, in_torch, arrays, tolerance=1e-10):
    """Compare out and every gradient with PyTorch's; then check that inputs are as before and float32 stays float32."""
    before = [a.copy() for a in arrays]
    out, cache = forward(*arrays)
    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = in_torch(*leaves)
    (dout,) = normal(0, out.shape)
    dout_before = dout.copy()
    assert relative_error(out, expected.detach()) < tolerance
    gradients = as_tuple(backward(dout, cache))
    truths = torch.autograd.grad(expected, leaves, torch.from_numpy(dout))
    for i, (gradient, truth) in enumerate(zip(gradients, truths, strict=True)):
        assert relative_error(gradient, truth) < tolerance, f"gradient {i}"
    assert all((a == b).all() for a, b in zip(arrays, before, strict=True)) and (dout == dout_before).all()

    out, cache = forward(*(a.astype(np.float32) for a in arrays))
    gradients = as_tuple(backward(dout.astype(np.float32), cache))
    assert {out.dtype, *(g.dtype for g in gradients)} == {np.dtype(np.float32)}


def as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)


@repeatably
@given(N=few, d=st.lists(st.integers(1, 4), min_size=1, max_size=3), M=few, seed=seeds)
def test_affine(N, d, M, seed):
    arrays = normal(seed, (N, *d), (np.prod(d), M), (M,))
    assert_agree(affine_forward, affine_backward, lambda x, w, b: x.flatten(1) @ w + b, arrays)


@repeatably
@given(shape=st.lists(few, min_size=1, max_size=4), seed=seeds)
def test_relu(shape, seed):
    assert_agree(relu_forward, relu_backward, torch.relu, normal(seed, tuple(shape)))


def test_relu_passes_no_gradient_at_zero():
    assert relu_backward(np.ones(3), np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0, 1]


@repeatably
@given(N=few, C=few, scale=st.sampled_from([1, 1e4]), seed=seeds)
def test_softmax_loss(N, C, scale, seed):
    (x,) = normal(seed, (N, C))
    x *= scale
    y = np.random.default_rng(seed).integers(C, size=N)
    before = x.copy()
    scores = torch.tensor(x, requires_grad=True)
    expected = F.cross_entropy(scores, torch.from_numpy(y))
    (truth,) = torch.autograd.grad(expected, scores)
    loss, dx = softmax_loss(x, y)
    assert relative_error(loss, expected.detach()) < 1e-12
    assert relative_error(dx, truth) < 1e-12
    assert (x == before).all()
    loss, dx = softmax_loss(x.astype(np.float32), y)
    assert loss.dtype == dx.dtype == np.float32


@pytest.mark.parametrize("backward", [batchnorm_backward, batchnorm_backward_alt])
def test_batchnorm_train(backward):
    @repeatably
    @given(N=several, D=few, eps=st.sampled_from([1e-5, 1e-2]), seed=seeds)
    def agrees(N, D, eps, seed):
        assert_agree(
            lambda x, gamma, beta: batchnorm_forward(x, gamma, beta, {"mode": "train", "eps": eps}),
            backward,
            lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps),
            normal(seed, (N, D), (D,), (D,)),
            tolerance=1e-9,
        )

    agrees()


@repeatably
@given(N=several, D=few, momentum=st.sampled_from([0.9, 0.5]), seed=seeds)
def test_batchnorm_running_statistics_are_those_that_test_mode_uses(N, D, momentum, seed):
    bn_param = {"mode": "train", "momentum": momentum}
    mean, var = np.zeros(D), np.zeros(D)
    gamma, beta, x_test = normal(seed, (D,), (D,), (N, D))
    for step in range(3):
        (x,) = normal(seed + step, (N, D))
        batchnorm_forward(x, gamma, beta, bn_param)
        mean = momentum * mean + (1 - momentum) * np.mean(x, axis=0)
        var = momentum * var + (1 - momentum) * np.var(x, axis=0)
    assert relative_error(bn_param["running_mean"], mean) < 1e-12
    assert relative_error(bn_param["running_var"], var) < 1e-12
    bn_param["mode"] = "test"
    out, _ = batchnorm_forward(x_test, gamma, beta, bn_param)
    expected = F.batch_norm(*(torch.from_numpy(a) for a in (x_test, mean, var, gamma, beta)), training=False)
    assert relative_error(out, expected) < 1e-12
    assert relative_error(bn_param["running_mean"], mean) < 1e-12


@pytest.mark.parametrize("mode", ["train", "test"])
def test_batchnorm_keeps_float32_and_writes_its_statistics_back(mode):
    bn_param = {"mode": mode}
    x, gamma, beta = (a.astype(np.float32) for a in normal(0, (4, 3), (3,), (3,)))
    out, _ = batchnorm_forward(x, gamma, beta, bn_param)
    assert out.dtype == bn_param["running_mean"].dtype == bn_param["running_var"].dtype == np.float32


def test_batchnorm_of_equal_rows_is_beta_and_finite():
    out, cache = batchnorm_forward(np.full((4, 2), 7.0), np.ones(2), np.array([1.0, 2.0]), {"mode": "train"})
    assert out.tolist() == [[1, 2]] * 4
    assert all(np.isfinite(g).all() for g in batchnorm_backward(np.ones((4, 2)), cache))


@repeatably
@given(N=few, D=several, eps=st.sampled_from([1e-5, 1e-2]), seed=seeds)
def test_layernorm(N, D, eps, seed):
    assert_agree(
        lambda x, gamma, beta: layernorm_forward(x, gamma, beta, {"eps": eps, "mode": "ignored"}),
        layernorm_backward,
        lambda x, gamma, beta: F.layer_norm(x, (D,), gamma, beta, eps=eps),
        normal(seed, (N, D), (D,), (D,)),
        tolerance=1e-9,
    )


@repeatably
@given(shape=st.lists(few, min_size=1, max_size=4), p=st.sampled_from([0.3, 0.75, 1]), seed=seeds)
def test_dropout_train(shape, p, seed):
    mask = torch.from_numpy((np.random.RandomState(seed).rand(*shape) < p) / p)
    dropout_param = {"mode": "train", "p": p, "seed": seed}
    (x,) = normal(seed, tuple(shape))
    assert_agree(lambda x: dropout_forward(x, dropout_param), dropout_backward, lambda x: x * mask, (x,))


def test_dropout_without_seed_draws_from_the_global_generator():
    np.random.seed(7)
    out, (_, mask) = dropout_forward(np.ones((5, 4)), {"mode": "train", "p": 0.5})
    np.random.seed(7)
    assert (mask == (np.random.rand(5, 4) < 0.5) / 0.5).all() and (out == mask).all()


@pytest.mark.parametrize("mode", ["train", "test"])
def test_seeded_dropout_leaves_the_global_generator_alone(mode):
    np.random.seed(7)
    dropout_forward(np.ones((5, 4)), {"mode": mode, "p": 0.5, "seed": 1})
    after = np.random.rand()
    np.random.seed(7)
    assert np.random.rand() == after


def test_dropout_in_test_mode_is_the_identity():
    (x,) = normal(0, (3, 4))
    out, cache = dropout_forward(x, {"mode": "test", "p": 0.5})
    assert (out == x).all() and cache[1] is None
    assert dropout_backward(x, cache) is x


def test_unknown_modes_are_named():
    with pytest.raises(ValueError, match="'trian'"):
        batchnorm_forward(np.zeros((2, 2)), np.ones(2), np.zeros(2), {"mode": "trian"})
    with pytest.raises(ValueError, match="'trian'"):
        dropout_forward(np.zeros(2), {"mode": "trian", "p": 0.5})


@st.composite
def conv_cases(draw):
    """Draw x, w, b, conv_param; the stride need not divide."""
    HH, WW, pad, stride = (draw(st.integers(low, 3)) for low in (1, 1, 0, 1))
    H, W = draw(st.integers(HH, 7)), draw(st.integers(WW, 7))
    N, C, n_filters = draw(few), draw(few), draw(few)
    arrays = normal(draw(seeds), (N, C, H, W), (n_filters, C, HH, WW), (n_filters,))
    return arrays, {"stride": stride, "pad": pad}


@repeatably
@given(conv_cases())
def test_naive_convolution(case):
    arrays, conv_param = case
    assert_agree(
        lambda x, w, b: conv_forward_naive(x, w, b, conv_param),
        conv_backward_naive,
        lambda x, w, b: F.conv2d(x, w, b, stride=conv_param["stride"], padding=conv_param["pad"]),
        arrays,
    )


@repeatably
@given(N=few, C=few, H=several, W=several, height=st.integers(1, 3), width=st.integers(1, 3), stride=few, seed=seeds)
def test_naive_pooling_with_overlaps_and_ties(N, C, H, W, height, width, stride, seed):
    pool_param = {"pool_height": height, "pool_width": width, "stride": stride}
    x = np.random.default_rng(seed).integers(-1, 3, (N, C, H, W)).astype(float)
    assert_agree(
        lambda x: max_pool_forward_naive(x, pool_param),
        max_pool_backward_naive,
        lambda x: F.max_pool2d(x, (height, width), stride=stride),
        (x,),
    )


def test_naive_pooling_takes_integers_and_gives_a_tie_to_the_first():
    x = np.ones((1, 1, 2, 2), dtype=int)
    out, cache = max_pool_forward_naive(x, {"pool_height": 2, "pool_width": 2, "stride": 2})
    assert out.tolist() == [[[[1]]]] and out.dtype == x.dtype
    assert max_pool_backward_naive(np.full((1, 1, 1, 1), 0.5), cache).tolist() == [[[[0.5, 0], [0, 0]]]]


@repeatably
@given(N=few, C=few, H=st.integers(2, 5), W=st.integers(2, 5), seed=seeds)
def test_spatial_batchnorm(N, C, H, W, seed):
    assert_agree(
        lambda x, gamma, beta: spatial_batchnorm_forward(x, gamma, beta, {"mode": "train"}),
        spatial_batchnorm_backward,
        lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, training=True),
        normal(seed, (N, C, H, W), (C,), (C,)),
        tolerance=1e-9,
    )


def test_spatial_batchnorm_in_test_mode():
    x, gamma, beta, mean = normal(0, (2, 3, 4, 5), (3,), (3,), (3,))
    bn_param = {"mode": "test", "running_mean": mean, "running_var": mean**2}
    out, _ = spatial_batchnorm_forward(x, gamma, beta, bn_param)
    expected = F.batch_norm(*(torch.from_numpy(a) for a in (x, mean, mean**2, gamma, beta)))
    assert relative_error(out, expected) < 1e-12


@repeatably
@given(N=few, G=few, per_group=few, H=st.integers(2, 4), W=st.integers(2, 4), seed=seeds)
def test_spatial_groupnorm(N, G, per_group, H, W, seed):
    C = G * per_group
    assert_agree(
        lambda x, gamma, beta: spatial_groupnorm_forward(x, gamma, beta, G, {"mode": "ignored"}),
        spatial_groupnorm_backward,
        lambda x, gamma, beta: F.group_norm(x, G, gamma.flatten(), beta.flatten()),
        normal(seed, (N, C, H, W), (1, C, 1, 1), (1, C, 1, 1)),
        tolerance=1e-9,
    )


def test_groups_that_do_not_divide_the_channels_are_named():
    gamma = np.ones((1, 4, 1, 1))
    with pytest.raises(ValueError, match="G = 3"):
        spatial_groupnorm_forward(np.zeros((1, 4, 3, 3)), gamma, gamma, 3, {})


CONV = {"stride": 1, "pad": 1}
POOL = {"pool_height": 2, "pool_width": 2, "stride": 2}


def test_affine_relu():
    arrays = normal(0, (3, 2, 4), (8, 5), (5,))
    assert_agree(
        layer_utils.affine_relu_forward,
        layer_utils.affine_relu_backward,
        lambda x, w, b: torch.relu(x.flatten(1) @ w + b),
        arrays,
    )


def test_conv_relu():
    assert_agree(
        lambda x, w, b: layer_utils.conv_relu_forward(x, w, b, CONV),
        layer_utils.conv_relu_backward,
        lambda x, w, b: torch.relu(F.conv2d(x, w, b, padding=1)),
        normal(0, (2, 3, 4, 6), (4, 3, 3, 3), (4,)),
    )


def test_conv_bn_relu():
    def in_torch(x, w, b, gamma, beta):
        return torch.relu(F.batch_norm(F.conv2d(x, w, b, padding=1), None, None, gamma, beta, training=True))

    def forward(*arrays):
        return layer_utils.conv_bn_relu_forward(*arrays, CONV, {"mode": "train"})

    arrays = normal(0, (2, 3, 4, 6), (4, 3, 3, 3), (4,), (4,), (4,))
    assert_agree(forward, layer_utils.conv_bn_relu_backward, in_torch, arrays)


def test_conv_relu_pool():
    assert_agree(
        lambda x, w, b: layer_utils.conv_relu_pool_forward(x, w, b, CONV, POOL),
        layer_utils.conv_relu_pool_backward,
        lambda x, w, b: F.max_pool2d(torch.relu(F.conv2d(x, w, b, padding=1)), 2),
        normal(0, (2, 3, 4, 6), (4, 3, 3, 3), (4,)),
    )


def test_layer_utils_hands_on_every_layer():
    public = [name for name, value in vars(layers).items() if callable(value) and not name.startswith("_")]
    assert len(public) == 20
    assert all(getattr(layer_utils, name) is getattr(layers, name) for name in public)
