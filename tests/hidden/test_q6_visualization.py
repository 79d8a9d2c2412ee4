"""Q6, hidden: gradients left over from elsewhere, and a target out of reach."""

from grader.checks import Tensor, expect, points
from tests.public.test_q6_visualization import (
    CLASSES,
    direction,
    direction_by_target,
    draw_fooling,
    draw_images,
    draw_net,
    fool_by_target,
    put_fooling_net,
    put_net,
    saliency_by_class,
    way,
)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps", promise="given")
def test_saliency_stale_gradient(student, rng):
    """compute_saliency_maps is not misled by a gradient that X held before"""
    state, x, y = draw_net(rng), draw_images(rng, 2, 3, 12, 12), rng.permutation(CLASSES)[:2]
    fresh, placed = saliency_by_class(student, state, x, y), student.put(Tensor(x, requires_grad=True))
    placed.grad = Tensor(10 * draw_images(rng, *x.shape))
    got = student.net_visualization_pytorch.compute_saliency_maps(placed, Tensor(y), put_net(student, state))
    expect(got, "saliency").to_match(fresh, rel=1e-4)


@points(0.25, "net_visualization_pytorch.make_fooling_image", promise="steps")
def test_fooling_image_out_of_reach(student, rng):
    """make_fooling_image goes on for a hundred steps, and no further, where the network is not fooled"""
    images = way(student, *draw_fooling(rng, steps=0))
    early, late = "was given up before the hundredth step", "was moved on after the hundredth step"
    expect(images, "X_fooling").to_be(len(images) > 100, early, brief=early)
    expect(images, "X_fooling").to_be(len(images) == 101, late, brief=late)


@points(0.25, "net_visualization_pytorch.make_fooling_image", promise="given")
def test_fooling_image_requires_grad(student, rng):
    """make_fooling_image takes an X that requires a gradient, as compute_saliency_maps leaves it"""
    state, x, target = draw_fooling(rng)
    untracked, tracked = fool_by_target(student, state, x, target), Tensor(x, requires_grad=True)
    got = student.net_visualization_pytorch.make_fooling_image(tracked, target, put_fooling_net(student, state))
    expect(got, "X_fooling").to_match(untracked, rel=1e-4)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step", promise="given")
def test_update_step_stale_gradient(student, rng):
    """class_visualization_update_step is not misled by a gradient that img held before"""
    state, x, target = draw_net(rng), draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES))
    fresh, img = direction_by_target(student, state, x, target), student.put(Tensor(x, requires_grad=True))
    img.grad = Tensor(10 * draw_images(rng, *x.shape))
    step = student.net_visualization_pytorch.class_visualization_update_step
    step(img, put_net(student, state), target, 0.0, 1.0)
    expect(direction([x, student.fetch(img)]), "direction of the step").to_match(fresh, rel=1e-4)
