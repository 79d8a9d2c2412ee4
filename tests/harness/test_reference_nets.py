"""The NumPy networks agree with the same networks in PyTorch, in scores, loss and every gradient."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import fast_layers, layer_utils, layers
from reference.classifiers.cnn import ThreeLayerConvNet
from reference.classifiers.fc_net import FullyConnectedNet
from reference.classifiers.norm_cnn import NormConvNet

ROOT = Path(__file__).parents[2]
repeatably = settings(derandomize=True, deadline=None, max_examples=50)


def fully_connected_in_torch(net, params, x):
    """Return the train-mode scores of a FullyConnectedNet whose dropout is seeded."""
    h = x.flatten(1)
    for i in range(1, net.num_layers):
        h = h @ params[f"W{i}"] + params[f"b{i}"]
        if net.normalization == "batchnorm":
            h = F.batch_norm(h, None, None, params[f"gamma{i}"], params[f"beta{i}"], training=True)
        if net.normalization == "layernorm":
            h = F.layer_norm(h, h.shape[1:], params[f"gamma{i}"], params[f"beta{i}"])
        h = torch.relu(h)
        if net.use_dropout:
            p = net.dropout_param["p"]
            uniform = np.random.RandomState(net.dropout_param["seed"]).rand(*h.shape)
            h = h * torch.from_numpy((uniform < p) / p)
    return h @ params[f"W{net.num_layers}"] + params[f"b{net.num_layers}"]


def conv_net_in_torch(net, params, x):
    h = F.conv2d(x, params["W1"], params["b1"], padding=params["W1"].shape[2] // 2)
    h = F.max_pool2d(torch.relu(h), 2).flatten(1)
    h = torch.relu(h @ params["W2"] + params["b2"])
    return h @ params["W3"] + params["b3"]


def norm_conv_net_in_torch(net, params, x):
    """Return the train-mode scores of a NormConvNet."""
    h = x
    for i in range(1, len(net.bn_params) + 1):
        h = F.conv2d(h, params[f"W{i}"], params[f"b{i}"], padding=1)
        if net.normalization is not None:
            gamma, beta = params[f"gamma{i}"].flatten(), params[f"beta{i}"].flatten()
        if net.normalization == "batchnorm":
            h = F.batch_norm(h, None, None, gamma, beta, training=True)
        if net.normalization == "groupnorm":
            h = F.group_norm(h, net.groups, gamma, beta)
        h = torch.relu(h)
        h = F.max_pool2d(h, 2) if i % 2 else h
    return h.flatten(1) @ params["W"] + params["b"]


def assert_agree(net, in_torch, X, y, tolerance):
    """Compare loss and gradients; X and params must be as before."""
    before = {name: w.copy() for name, w in net.params.items()}
    X_before = X.copy()
    params = {name: torch.tensor(w, requires_grad=True) for name, w in net.params.items()}
    expected = F.cross_entropy(in_torch(net, params, torch.from_numpy(X)), torch.from_numpy(y))
    expected = expected + 0.5 * net.reg * sum((w**2).sum() for name, w in params.items() if name.startswith("W"))
    truths = torch.autograd.grad(expected, list(params.values()))
    loss, grads = net.loss(X, y)
    assert abs(loss - expected.item()) < tolerance * max(1, abs(expected.item()))
    assert grads.keys() == net.params.keys()
    for name, truth in zip(params, truths, strict=True):
        assert grads[name].shape == net.params[name].shape
        # a bias before batch norm has gradient 0 but for rounding: measure against 1 then
        scale = max(truth.abs().max().item(), 1e-3)
        assert np.abs(grads[name] - truth.numpy()).max() / scale < tolerance, name
    assert (X_before == X).all() and all((net.params[name] == w).all() for name, w in before.items())


@repeatably
@given(
    hidden_dims=st.lists(st.integers(1, 6), max_size=3),
    N=st.integers(3, 6),
    normalization=st.sampled_from([None, "batchnorm", "layernorm"]),
    keep=st.sampled_from([1, 0.75]),
    reg=st.sampled_from([0, 0.3]),
    seed=st.integers(0, 2**16),
)
def test_fully_connected_net(hidden_dims, N, normalization, keep, reg, seed):
    np.random.seed(seed)
    X, y = np.random.randn(N, 2, 3), np.random.randint(4, size=N)
    net = FullyConnectedNet(hidden_dims, 6, 4, keep, normalization, reg, weight_scale=0.5, dtype=np.float64, seed=seed)
    assert_agree(net, fully_connected_in_torch, X, y, tolerance=1e-8)


@repeatably
@given(
    size=st.sampled_from([(1, 4, 4), (3, 6, 4)]),
    filter_size=st.sampled_from([1, 3, 5]),
    reg=st.sampled_from([0, 0.3]),
    seed=st.integers(0, 2**16),
)
def test_three_layer_conv_net(size, filter_size, reg, seed):
    np.random.seed(seed)
    X, y = np.random.randn(3, *size), np.random.randint(5, size=3)
    net = ThreeLayerConvNet(size, 3, filter_size, 7, 5, weight_scale=0.3, dtype=np.float64)
    net.reg = reg
    assert_agree(net, conv_net_in_torch, X, y, tolerance=1e-10)


@pytest.mark.parametrize("normalization", [None, "batchnorm", "groupnorm"])
def test_norm_conv_net(normalization):
    rng = np.random.RandomState(0)
    np.random.seed(0)
    net = NormConvNet(normalization, (2, 4, 6), groups=2, input_dim=(3, 8, 8), num_classes=5, dtype=np.float64)
    net.reg = 0
    assert_agree(net, norm_conv_net_in_torch, rng.randn(4, 3, 8, 8), rng.randint(5, size=4), 1e-8)


def test_scores_of_a_norm_conv_net_are_those_of_test_mode():
    """Scores do not depend on the company of an image, not even with batch normalization"""
    np.random.seed(0)
    for normalization in ("batchnorm", "groupnorm"):
        net, X = NormConvNet(normalization), np.random.randn(6, 3, 32, 32)
        net.loss(X, np.arange(6))
        np.testing.assert_allclose(net.loss(X)[:2], net.loss(X[:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", [None, "batchnorm", "layernorm"])
@pytest.mark.parametrize("keep", [1, 0.5])
def test_float32_stays_float32_and_float64_data_are_cast(normalization, keep):
    net = FullyConnectedNet([4, 3], 5, dropout_keep_ratio=keep, normalization=normalization, reg=0.1)
    X = np.random.randn(6, 5)
    _, grads = net.loss(X, np.arange(6))
    assert {g.dtype for g in grads.values()} == {w.dtype for w in net.params.values()} == {np.dtype(np.float32)}
    assert net.loss(X).dtype == np.float32 and X.dtype == np.float64


def test_conv_net_casts_float64_data():
    net = ThreeLayerConvNet((1, 4, 4), 2, 3, 5, reg=0.1)
    X = np.random.randn(3, 1, 4, 4)
    _, grads = net.loss(X, np.arange(3))
    assert net.loss(X).dtype == np.float32
    assert {g.dtype for g in grads.values()} == {np.dtype(np.float32)}


def test_scores_are_those_of_test_mode():
    np.random.seed(0)
    net = FullyConnectedNet([6, 6], 5, dropout_keep_ratio=0.5, normalization="batchnorm", dtype=np.float64)
    X = np.random.randn(8, 5)
    net.loss(X, np.arange(8))
    scores = net.loss(X)
    assert (scores == net.loss(X)).all()
    assert np.allclose(net.loss(X[:1]), scores[:1])
    assert net.dropout_param["mode"] == "test" and {bn_param["mode"] for bn_param in net.bn_params} == {"test"}


def test_each_weight_matrix_is_one_draw_in_order():
    np.random.seed(3)
    net = FullyConnectedNet([4, 3], 5, 2, normalization="layernorm", weight_scale=0.1, dtype=np.float64)
    np.random.seed(3)
    for i, shape in enumerate([(5, 4), (4, 3), (3, 2)], start=1):
        assert (net.params[f"W{i}"] == np.random.normal(0, 0.1, shape)).all()
    assert set(net.params) == {"W1", "W2", "W3", "b1", "b2", "b3", "gamma1", "gamma2", "beta1", "beta2"}
    assert (net.params["gamma2"] == 1).all() and not net.params["beta2"].any() and not net.params["b3"].any()


def test_provided_attributes():
    net = FullyConnectedNet([4, 3], dropout_keep_ratio=0.5, normalization="batchnorm", reg=0.1, seed=9)
    assert net.use_dropout and net.num_layers == 3 and net.reg == 0.1 and net.normalization == "batchnorm"
    assert net.dropout_param == {"mode": "train", "p": 0.5, "seed": 9}
    assert net.bn_params == [{"mode": "train"}] * 2 and net.bn_params[0] is not net.bn_params[1]
    assert FullyConnectedNet([4, 3], normalization="layernorm").bn_params == [{}, {}]
    plain = FullyConnectedNet([4, 3], seed=9)
    assert not plain.use_dropout and plain.dropout_param == {} and plain.bn_params == []


def test_an_unknown_normalization_is_named():
    with pytest.raises(ValueError, match="'groupnorm'"):
        FullyConnectedNet([3], normalization="groupnorm")


@pytest.mark.parametrize("module", ["fc_net", "cnn"])
def test_notebooks_get_every_layer_from_a_network(module):
    names = {}
    exec(f"from reference.classifiers.{module} import *", names)
    for layer in (fast_layers, layer_utils, layers):
        own = [value for value in vars(layer).values() if getattr(value, "__module__", "") == layer.__name__]
        assert [f.__name__ for f in own if not f.__name__.startswith("_") and names.get(f.__name__) is not f] == []


@pytest.mark.parametrize("file", ["layers.py", "layer_utils.py"])
@pytest.mark.parametrize("net", ["fc_net", "cnn"])
def test_a_net_sees_a_layer_that_a_student_adds(tmp_path, monkeypatch, file, net):
    package = Path(shutil.copytree(ROOT / "student", tmp_path / f"own_{net}_{file.removesuffix('.py')}"))
    with (package / file).open("a") as module:
        module.write("\n\ndef affine_norm_relu_forward(x):\n    return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    network = importlib.import_module(f"{package.name}.classifiers.{net}")
    assert network.affine_norm_relu_forward(7) == 7
