"""Q6, hidden: gradients left over from elsewhere, and images that are hard to turn."""

from grader.checks import Tensor, expect, points
from tests.public.test_q6_visualization import (
    direction,
    draw_fooling,
    draw_net,
    expect_fooled,
    fool,
    least_likely,
    put_net,
    saliency,
)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_stale_gradient(student, reference, rng):
    """compute_saliency_maps is not misled by a gradient that X held before"""
    state, x, y = draw_net(rng), rng.randn(2, 3, 12, 12), rng.permutation(6)[:2]
    placed = student.put(Tensor(x, requires_grad=True))
    placed.grad = Tensor(rng.randn(*x.shape))
    got = student.net_visualization_pytorch.compute_saliency_maps(placed, Tensor(y), put_net(student, state))
    expect(got, "saliency").to_match(saliency(reference, state, x, y), rel=1e-9)


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_far_away(student, reference, rng):
    """make_fooling_image goes on for as many steps as it needs, up to a hundred"""
    state, x = draw_fooling(rng)
    target = least_likely(reference, state, 6 * x)
    expect_fooled(reference, state, fool(student, state, 6 * x, target), target)


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_requires_grad(student, reference, rng):
    """make_fooling_image takes an X that requires a gradient, as compute_saliency_maps leaves it"""
    state, x = draw_fooling(rng)
    tracked, target = Tensor(x, requires_grad=True), least_likely(reference, state, x)
    fooled = student.net_visualization_pytorch.make_fooling_image(tracked, target, put_net(student, state))
    expect_fooled(reference, state, fooled, target)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_stale_gradient(student, reference, rng):
    """class_visualization_update_step is not misled by a gradient that img held before"""
    state, x = draw_fooling(rng)

    def step(package, stale):
        img = package.put(Tensor(x, requires_grad=True))
        img.grad = Tensor(stale)
        package.net_visualization_pytorch.class_visualization_update_step(img, put_net(package, state), 2, 0.0, 1.0)
        return direction([x, package.fetch(img)])

    expect(step(student, rng.randn(*x.shape)), "direction of the step").to_match(step(reference, 0 * x), rel=1e-7)
