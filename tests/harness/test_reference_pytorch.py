"""The PyTorch networks of the reference solution against PyTorch's own layers."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks.expect import Mismatch
from reference import pytorch_nets as nets
from tests.public.test_q5_pytorch import make_params


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(231)


def plain_convnet(channels, sizes=(5, 3), image_size=32):
    """The architecture in PyTorch's own words; channels: in, first, second, classes."""
    first, second, third, classes = channels
    return nn.Sequential(
        nn.Conv2d(first, second, sizes[0], padding=2),
        nn.ReLU(),
        nn.Conv2d(second, third, sizes[1], padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(third * image_size**2, classes),
    )


def shapes(parameters):
    return [tuple(p.shape) for p in parameters]


def test_flatten_keeps_the_batch_axis_and_the_order():
    x = torch.arange(24).reshape(2, 3, 4)
    assert nets.flatten(x).tolist() == [list(range(12)), list(range(12, 24))]
    assert torch.equal(nets.Flatten()(x.transpose(1, 2)), nn.Flatten()(x.transpose(1, 2)))


def test_two_layer_fc_agrees_with_linear_layers():
    x, w1, w2 = torch.randn(4, 2, 3), torch.randn(6, 5), torch.randn(5, 7)
    expected = F.linear(F.relu(F.linear(x.reshape(4, 6), w1.T)), w2.T)
    torch.testing.assert_close(nets.two_layer_fc(x, [w1, w2]), expected)


def test_two_layer_module_maps_images_to_scores():
    assert nets.TwoLayerFC(12, 5, 7)(torch.randn(4, 3, 2, 2)).shape == (4, 7)


def test_three_layer_convnet_agrees_with_modules_in_scores_and_gradients():
    x = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    params = nets.three_layer_params(2, 4, 5, 7, image_size=6, dtype=torch.float64)
    with torch.no_grad():
        for p in params[1::2]:
            p.normal_()
    model = plain_convnet((2, 4, 5, 7), image_size=6).double()
    with torch.no_grad():
        for theirs, ours in zip(model.parameters(), params, strict=True):
            theirs.copy_(ours if theirs.ndim != 2 else ours.T)
    scores, expected = nets.three_layer_convnet(x, params), model(x)
    torch.testing.assert_close(scores, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(scores)
    ours = torch.autograd.grad((scores * weights).sum(), params)
    theirs = torch.autograd.grad((expected * weights).sum(), list(model.parameters()))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b if b.ndim != 2 else b.T, rtol=1e-10, atol=1e-10)


def test_three_layer_convnet_has_the_shape_the_notebook_prints():
    x = torch.zeros(64, 3, 32, 32)
    params = [torch.zeros(*s) for s in ((6, 3, 5, 5), (6,), (9, 6, 3, 3), (9,), (9 * 32 * 32, 10), (10,))]
    assert nets.three_layer_convnet(x, params).shape == (64, 10)


def test_three_layer_params_have_the_stated_shapes_and_are_leaves():
    params = nets.three_layer_params(3, 32, 16, 10)
    assert shapes(params) == [(32, 3, 5, 5), (32,), (16, 32, 3, 3), (16,), (16 * 32 * 32, 10), (10,)]
    assert all(p.is_leaf and p.requires_grad and p.dtype == torch.float32 for p in params)


def test_three_layer_params_follow_the_image_size_and_dtype():
    params = nets.three_layer_params(1, 2, 3, 4, image_size=8, dtype=torch.float64)
    assert params[4].shape == (3 * 8 * 8, 4)
    assert all(p.dtype == torch.float64 for p in params)
    assert nets.three_layer_convnet(torch.zeros(2, 1, 8, 8, dtype=torch.float64), params).shape == (2, 4)


def assert_kaiming(weight, fan_in):
    """Mean 0 and standard deviation sqrt(2 / fan_in), to within five standard errors."""
    std, count = math.sqrt(2 / fan_in), weight.numel()
    assert abs(weight.mean().item()) < 5 * std / math.sqrt(count)
    assert abs(weight.std().item() / std - 1) < 5 / math.sqrt(2 * count)


def test_three_layer_params_are_kaiming_normal_with_zero_biases():
    params = nets.three_layer_params(3, 32, 16, 10)
    for weight, fan_in in zip(params[::2], (3 * 25, 32 * 9, 16 * 32 * 32), strict=True):
        assert_kaiming(weight, fan_in)
    assert not any(b.any() for b in params[1::2])


def test_module_is_kaiming_normal_with_zero_biases_in_the_stated_order():
    params = list(nets.ThreeLayerConvNet(3, 32, 16, 10).parameters())
    assert shapes(params) == [(32, 3, 5, 5), (32,), (16, 32, 3, 3), (16,), (10, 16 * 32 * 32), (10,)]
    for weight, fan_in in zip(params[::2], (3 * 25, 32 * 9, 16 * 32 * 32), strict=True):
        assert_kaiming(weight, fan_in)
    assert not any(b.any() for b in params[1::2])


@pytest.mark.parametrize("build", [nets.ThreeLayerConvNet, nets.build_sequential])
def test_models_compute_the_architecture(build):
    model, plain = build(3, 4, 5, 10), plain_convnet((3, 4, 5, 10))
    with torch.no_grad():
        for theirs, ours in zip(plain.parameters(), model.parameters(), strict=True):
            theirs.copy_(ours.normal_(std=0.1))
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model(x), plain(x))


def test_sequential_keeps_the_default_initialization():
    model = nets.build_sequential(3, 4, 5, 10)
    assert isinstance(model, nn.Sequential)
    torch.manual_seed(7)
    ours = nets.build_sequential(3, 4, 5, 10)
    torch.manual_seed(7)
    for a, b in zip(ours.parameters(), plain_convnet((3, 4, 5, 10)).parameters(), strict=True):
        assert torch.equal(a, b)


def test_optimizer_is_nesterov_sgd_over_all_parameters():
    model = nets.build_sequential(3, 2, 2, 4)
    optimizer = nets.build_optimizer(model)
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["nesterov"]) == (1e-2, 0.9, True)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]


def test_optimizer_without_momentum_is_plain_sgd():
    (group,) = nets.build_optimizer(nn.Linear(2, 2), learning_rate=3e-3, momentum=0).param_groups
    assert (group["lr"], group["momentum"], group["nesterov"]) == (3e-3, 0, False)


def test_training_step_is_one_step_down_the_gradient_of_this_minibatch():
    model = nn.Linear(4, 3).double()
    x, y = torch.randn(6, 4, dtype=torch.float64), torch.randint(3, (6,))
    loss = F.cross_entropy(model(x), y)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    expected = [p.detach() - 0.1 * g for p, g in zip(model.parameters(), grads, strict=True)]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    model.eval()
    returned = nets.training_step(model, torch.optim.SGD(model.parameters(), lr=0.1), x, y)
    assert type(returned) is float
    assert returned == pytest.approx(loss.item(), rel=1e-12)
    assert model.training
    for p, q in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.detach(), q, rtol=1e-12, atol=1e-12)


def test_training_steps_learn_a_tiny_batch():
    model = nets.ThreeLayerConvNet(3, 4, 4, 5)
    optimizer = nets.build_optimizer(model, learning_rate=1e-3)
    x, y = torch.randn(8, 3, 32, 32), torch.arange(8) % 5
    losses = [nets.training_step(model, optimizer, x, y) for _ in range(20)]
    assert losses[-1] < 0.1 * losses[0]


def test_none_in_place_of_a_parameter_is_told_by_its_name():
    package = SimpleNamespace(pytorch_nets=SimpleNamespace(three_layer_params=lambda: [torch.ones(2), *[None] * 5]))
    with pytest.raises(Mismatch, match="params: hold None in place of conv_b1, conv_w2, conv_b2, fc_w, fc_b"):
        make_params(package)
