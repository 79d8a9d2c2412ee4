"""The network visualization of the reference solution, on small seeded networks."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from reference import net_visualization_pytorch as vis


def small_net(seed=0, classes=6):
    """A small random convnet with the parts that behave differently in train mode: batch norm and dropout."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8 * 6 * 6, classes),
    )
    return net.requires_grad_(False)


def images(n, seed=1):
    return torch.randn(n, 3, 12, 12, generator=torch.Generator().manual_seed(seed))


def picture(height=20, width=30, seed=2):
    pixels = np.random.RandomState(seed).randint(256, size=(height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def test_saliency_is_the_gradient_of_each_image_by_itself():
    model, X, y = small_net(), images(4), torch.tensor([0, 3, 5, 3])
    saliency = vis.compute_saliency_maps(X, y, model)
    assert saliency.shape == (4, 12, 12)
    assert not saliency.requires_grad
    assert not model.training
    for n in range(4):
        x = X[n : n + 1].detach().clone().requires_grad_()
        model(x)[0, y[n]].backward()
        torch.testing.assert_close(saliency[n], x.grad[0].abs().max(dim=0).values)


def test_saliency_agrees_with_central_differences():
    model, X, y = small_net().double().eval(), images(1).double(), torch.tensor([2])
    saliency = vis.compute_saliency_maps(X, y, model)
    slopes = []
    with torch.no_grad():
        for channel in range(3):
            step = torch.zeros_like(X)
            step[0, channel, 4, 7] = 1e-6
            slopes.append(abs(((model(X + step) - model(X - step))[0, 2] / 2e-6).item()))
    assert saliency[0, 4, 7].item() == pytest.approx(max(slopes), rel=1e-6)


def test_saliency_repeats_itself_and_leaves_no_gradient():
    model, X, y = small_net(), images(2), torch.tensor([1, 4])
    X.requires_grad_()
    X.grad = torch.ones_like(X)
    first, second = (vis.compute_saliency_maps(X, y, model) for _ in range(2))
    assert torch.equal(first, second)
    assert X.requires_grad
    assert X.grad is None


@pytest.mark.parametrize("target_y", range(6))
def test_fooling_image_fools_and_leaves_the_original(target_y):
    model, X = small_net().train(), images(1)
    before = X.clone()
    fooled = vis.make_fooling_image(X, target_y, model)
    assert model(fooled).argmax().item() == target_y
    assert torch.equal(X, before)
    assert not fooled.requires_grad
    assert not model.training


def test_fooling_steps_have_the_length_of_the_learning_rate():
    torch.manual_seed(0)
    model, X = nn.Sequential(nn.Flatten(), nn.Linear(12, 2, bias=False)), torch.zeros(1, 3, 2, 2)
    w = model[1].weight.detach()
    X += 0.5 * (w[0] - w[1]).view_as(X) / (w[0] - w[1]).norm()
    fooled = vis.make_fooling_image(X, 1, model)
    torch.testing.assert_close(fooled - X, (w[1] / w[1].norm()).view_as(X))


def test_fooling_an_image_of_the_target_class_changes_nothing():
    model, X = small_net().eval(), images(1)
    assert torch.equal(vis.make_fooling_image(X, model(X).argmax().item(), model), X)


def test_fooling_image_takes_an_image_that_requires_a_gradient():
    model, X = small_net(), images(1).requires_grad_()
    fooled = vis.make_fooling_image(X, 4, model)
    assert model(fooled).argmax().item() == 4
    assert X.grad is None


def test_fooling_gives_up_after_a_hundred_steps():
    calls = []

    class Stubborn(nn.Module):
        def forward(self, x):
            calls.append(1)
            return torch.stack([x.sum() * 0 + 1e9, x.sum()]).view(1, 2)

    fooled = vis.make_fooling_image(torch.zeros(1, 3, 2, 2), 1, Stubborn())
    assert len(calls) == 100
    assert fooled.norm().item() == pytest.approx(100, rel=1e-4)


def objective(model, img, target_y, l2_reg):
    with torch.no_grad():
        return (model(img)[0, target_y] - l2_reg * img.square().sum()).item()


def test_class_visualization_step_raises_the_objective_in_place():
    model, img = small_net().train(), (0.1 * images(1)).requires_grad_()
    address = img.data_ptr()
    model.eval()
    before = objective(model, img, 3, l2_reg=1e-3)
    assert vis.class_visualization_update_step(img, model, 3, l2_reg=1e-3, learning_rate=0.1) is None
    assert objective(model, img, 3, l2_reg=1e-3) > before
    assert img.data_ptr() == address
    assert img.is_leaf
    assert img.requires_grad


def test_class_visualization_raises_the_score_over_many_steps():
    model, img = small_net().eval(), torch.zeros(1, 3, 12, 12, requires_grad=True)
    before = objective(model, img, 2, l2_reg=0)
    for _ in range(20):
        vis.class_visualization_update_step(img, model, 2, l2_reg=1e-3, learning_rate=0.5)
    assert objective(model, img, 2, l2_reg=0) > before + 1
    assert model(img).argmax().item() == 2


def test_class_visualization_step_is_the_normalized_gradient_of_score_and_regularizer():
    model, img = small_net().eval(), images(1).requires_grad_()
    start = img.detach().clone()
    leaf = start.clone().requires_grad_()
    model(leaf)[0, 1].backward()
    g = leaf.grad - 2 * 0.3 * start
    img.grad = torch.ones_like(img)
    vis.class_visualization_update_step(img, model, 1, l2_reg=0.3, learning_rate=0.7)
    torch.testing.assert_close(img.detach() - start, 0.7 * g / g.norm())


def test_preprocess_resizes_the_shorter_side_and_normalizes():
    x = vis.preprocess(Image.new("RGB", (60, 40), (255, 0, 51)), size=10)
    assert x.shape == (1, 3, 10, 15)
    assert x.dtype == torch.float32
    expected = (torch.tensor([1, 0, 0.2]) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(x[0, :, 3, 4], expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_preprocess_takes_images_that_are_not_rgb(mode):
    assert vis.preprocess(picture().convert(mode), size=20).shape == (1, 3, 20, 30)


def test_deprocess_undoes_preprocess():
    img = picture()
    back = vis.deprocess(vis.preprocess(img, size=20), should_rescale=False)
    np.testing.assert_array_equal(np.array(back), np.array(img))


def test_deprocess_clips_instead_of_wrapping_around():
    x = torch.full((1, 3, 2, 2), 100.0)
    x[..., 0] = -100
    back = np.array(vis.deprocess(x, should_rescale=False))
    assert (back[:, 1] == 255).all()
    assert (back[:, 0] == 0).all()


def test_deprocess_rescales_to_the_whole_range_and_takes_a_tracked_tensor():
    back = np.array(vis.deprocess((5 * images(1)).requires_grad_()))
    assert (back.min(), back.max()) == (0, 255)


def test_constant_images_rescale_to_zeros():
    x = torch.full((3, 4, 4), 0.7)
    assert not vis.rescale(x).any()
    black = torch.tensor(-vis.SQUEEZENET_MEAN / vis.SQUEEZENET_STD).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert not np.array(vis.deprocess(black)).any()


def test_rescale_spans_zero_to_one():
    x = vis.rescale(images(1))
    assert (x.min().item(), x.max().item()) == (0, 1)


def test_difference_image_is_grey_where_nothing_changed_and_clips():
    X = images(1)
    assert (np.array(vis.difference_image(X, X.clone())) == 128).all()
    shown = np.array(vis.difference_image(X, X + 1, gain=10))
    assert (shown == 255).all()


def test_blur_image_is_a_gaussian_in_place():
    X = torch.zeros(1, 3, 21, 21)
    X[0, 1, 10, 10] = 1
    assert vis.blur_image(X, sigma=1.5) is X
    assert X.sum().item() == pytest.approx(1, rel=1e-5)
    assert X[0, 1, 10, 13].item() / X[0, 1, 10, 10].item() == pytest.approx(np.exp(-9 / (2 * 1.5**2)), rel=1e-4)
    torch.testing.assert_close(X[0, 1], X[0, 1].T)
    assert not X[0, 0].any()


def test_blur_image_takes_a_leaf_that_requires_a_gradient():
    img = images(1).requires_grad_()
    vis.blur_image(img, sigma=0.5)
    assert img.is_leaf
    assert img.requires_grad


@pytest.mark.parametrize(("ox", "oy"), [(0, 0), (3, 0), (0, 5), (4, 7), (-2, 1)])
def test_jitter_shifts_in_a_circle(ox, oy):
    X = images(1)
    expected = np.roll(X.numpy(), (oy, ox), axis=(2, 3))
    np.testing.assert_array_equal(vis.jitter(X, ox, oy).numpy(), expected)
    torch.testing.assert_close(vis.jitter(vis.jitter(X, ox, oy), -ox, -oy), X)
