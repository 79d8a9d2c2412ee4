"""Q6: saliency maps, fooling images and class visualization of float32 images, on small nets that the grader knows."""

import numpy as np

from grader.checks import Tensor, expect, expect_unchanged_arguments, points

CLASSES = 6


def draw_images(rng, *shape):
    """Returns float32 images of this shape, spread as `preprocess` leaves them."""
    return rng.randn(*shape).astype(np.float32)


def draw_net(rng, height=12, width=12, channels=4):
    """Returns a state dict for `put_net`, for images (3, height, width)."""
    features = channels * height * width
    state = {
        "0.weight": rng.randn(channels, 3, 3, 3) / 3,
        "0.bias": rng.randn(channels),
        "4.weight": 4 * rng.randn(CLASSES, features) / np.sqrt(features),
        "4.bias": rng.randn(CLASSES),
    }
    return {name: array.astype(np.float32) for name, array in state.items()}


def put_net(package, state, dropout=0.0, training=False):
    """Builds conv, softplus, dropout, affine in a worker: smooth, so that no gradient has kinks."""
    nn = package.library("torch").nn
    conv, affine = state["0.weight"], state["4.weight"]
    layers = nn.Conv2d(3, len(conv), 3, padding=1), nn.Softplus(), nn.Dropout(dropout), nn.Flatten()
    net = nn.Sequential(*layers, nn.Linear(*affine.shape[::-1]))
    net.load_state_dict({name: Tensor(array) for name, array in state.items()})
    return net.train(training)


def saliency(package, state, x, y, **mode):
    """Returns compute_saliency_maps of x (N, 3, H, W) and y (N,)."""
    net = put_net(package, state, **mode)
    return package.net_visualization_pytorch.compute_saliency_maps(Tensor(x), Tensor(y), net)


def saliency_by_class(package, state, x, y):
    """Returns compute_saliency_maps, to compare others of its answers with: claims that a map depends on its class."""
    maps, others = (saliency(package, state, x, classes) for classes in (y, (y + 1) % CLASSES))
    expect(maps, "saliency").to_have_shape((len(x), *x.shape[2:]))
    expect_two_answers("saliency", maps, others)
    return maps


def expect_two_answers(name, got, other):
    """Claims that the answer for one class is not that for another."""
    same = "is the same whatever the class; where is its gradient?"
    expect(got, name).to_be(not np.array_equal(got, other), same, brief=same)


def draw_fooling(rng, steps=25, hidden=24):
    """Returns a net's state for `put_fooling_net`, an image x (1, 3, 12, 12) and a target.

    Right steps get to the target in just this number of `steps`: its score leads after the last by as much as it lacks
    one step before, so no rounding and no luck decides. With 0 it is out of reach. All other scores of x lie close
    together, and are made from other hidden values than the target's. Scores are small, so the target leads long
    before it is as probable as all others together.
    """
    x, target, half = draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES)), hidden // 2
    last_weight = np.zeros((CLASSES, hidden))
    last_weight[:, half:] = np.linalg.qr(rng.randn(half, CLASSES))[0].T
    last_weight[target] = np.append(rng.uniform(0.2, 0.4, half) * np.resize([1, -1], half), np.zeros(hidden - half))
    channels = np.repeat([0.25, 1, 1.4], x[0, 0].size)  # the gradient's length in each, about
    state = {
        "1.weight": 3 * channels * rng.randn(hidden, x.size) / np.sqrt(x.size),
        "1.bias": rng.randn(hidden),
        "4.weight": last_weight / 4,
        "4.bias": rng.permutation(CLASSES) / 40,
    }
    state = {name: array.astype(np.float32) for name, array in state.items()}
    state["4.bias"] -= (scores(state, x)[0] - state["4.bias"]).astype(np.float32)
    path = [x]
    for _ in range(steps):
        path.append(path[-1] + unit(gradients(state, path[-1], target)))
    leads = lead(state, np.concatenate(path), target)
    state["4.bias"][target] -= (leads[-1] + leads[:-1].max()) / 2 if steps else 1e6
    return state, x, target


def put_fooling_net(package, state, dropout=0.0, training=False):
    """Builds affine, softplus, dropout, affine on flattened images in a worker."""
    nn = package.library("torch").nn
    first, last = (nn.Linear(*state[name].shape[::-1]) for name in ("1.weight", "4.weight"))
    net = nn.Sequential(nn.Flatten(), first, nn.Softplus(), nn.Dropout(dropout), last)
    net.load_state_dict({name: Tensor(array) for name, array in state.items()})
    return net.train(training)


def inputs_of_softplus(state, images):
    """Returns what the softplus of `put_fooling_net` is given for each image, (N, hidden), in float64."""
    return images.reshape(len(images), -1) @ state["1.weight"].T.astype(np.float64) + state["1.bias"]


def scores(state, images):
    """Returns the scores (N, classes) of images in float64."""
    return np.logaddexp(0, inputs_of_softplus(state, images)) @ state["4.weight"].T + state["4.bias"]


def lead(state, images, target):
    """Returns by how much the target's score leads that of any other class, (N,); negative where it does not."""
    found = scores(state, images)
    return found[:, target] - np.delete(found, target, axis=1).max(axis=1)


def gradients(state, images, target):
    """Returns the gradient of the target's score with respect to each image, of the shape of images."""
    slopes = np.exp(-np.logaddexp(0, -inputs_of_softplus(state, images)))
    return (slopes * state["4.weight"][target] @ state["1.weight"]).reshape(images.shape)


def unit(step):
    """Returns an array scaled to length 1; zeros stay zeros."""
    return step / max(np.linalg.norm(step), 1e-300)


def fool(package, state, x, target, **mode):
    """Returns make_fooling_image of x."""
    net = put_fooling_net(package, state, **mode)
    return package.net_visualization_pytorch.make_fooling_image(Tensor(x), target, net)


def fool_by_target(package, state, x, target):
    """Returns make_fooling_image, to compare others of its answers with: claims that it depends on the target."""
    fooled, other = (fool(package, state, x, y) for y in (target, (target + 1) % CLASSES))
    expect_two_answers("X_fooling", fooled, other)
    return fooled


def way(package, state, x, target):
    """Returns x and each image (1, 3, 12, 12) that make_fooling_image makes of it, as its net sees them and at last."""
    python, net = package.library("builtins"), put_fooling_net(package, state)
    seen = package.keep(python.list, [Tensor(x)])
    copy_into = python.eval("lambda seen: lambda layer, inputs: seen.append(inputs[0].detach().clone())")
    net[0].register_forward_pre_hook(copy_into(seen))
    fooled = package.net_visualization_pytorch.make_fooling_image(Tensor(x), target, net)
    expect(fooled, "X_fooling").to_be_finite()
    images = np.concatenate([package.library("torch").cat(seen), np.reshape(fooled, x.shape)]).astype(np.float64)
    changed = np.diff(images, axis=0).any(axis=(1, 2, 3))
    expect(fooled, "X_fooling").to_be(changed.any(), "is X as it was; no step was taken")
    return images[np.append(True, changed)]


def expect_fooled(state, x, fooled, target):
    """Claims that the net takes what was made of x (1, 3, 12, 12), with or without a batch axis, for the target."""
    expect(fooled, "X_fooling").to_be_finite()
    (before, ahead) = (lead(state, np.reshape(image, (1, 3, 12, 12)), target)[0] for image in (x, fooled))
    why = "; the target's score fell behind: was its gradient subtracted?" if ahead < before else ""
    expect(fooled, "X_fooling").to_be(ahead >= 0, f"is not classified as the target class{why}")


def climb(package, state, img, target, l2_reg=0.0, learning_rate=2.0, steps=1, **mode):
    """Returns img and what it is after each of several class_visualization_update_steps."""
    net, placed, images = put_net(package, state, **mode), package.put(Tensor(img, requires_grad=True)), [img]
    for _ in range(steps):
        package.net_visualization_pytorch.class_visualization_update_step(placed, net, target, l2_reg, learning_rate)
        images.append(package.fetch(placed))
    return images


def gradient(reference, state, img, target):
    """Returns the gradient of the target's score with respect to img in the grader's own copy of the net."""
    net, placed = put_net(reference, state), reference.put(Tensor(img, requires_grad=True))
    reference.keep(reference.keep(net, placed).select, 1, target).backward()
    return placed.grad


def direction(images):
    """Returns the last step between images, scaled to length 1; zeros stay zeros."""
    return unit(images[-1].astype(np.float64) - images[-2])


def direction_by_target(package, state, img, target):
    """Returns the direction of a step, to compare others with: claims that it depends on the target."""
    got, other = (direction(climb(package, state, img, y)) for y in (target, (target + 1) % CLASSES))
    expect_two_answers("direction of the step", got, other)
    return got


@points(0.75, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency(student, reference, rng):
    """compute_saliency_maps returns the largest absolute gradient of each image's own class score over the channels"""
    state, x, y = draw_net(rng), draw_images(rng, 4, 3, 12, 12), rng.permutation(CLASSES)[:4]
    expect(saliency(student, state, x, y), "saliency").to_match(saliency(reference, state, x, y), rel=1e-4)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_single_image(student, rng):
    """compute_saliency_maps of a single image is the map it has among others, with a batch axis: (1, H, W)"""
    state, x, y = draw_net(rng), draw_images(rng, 4, 3, 12, 12), rng.permutation(CLASSES)[:4]
    among_others = saliency_by_class(student, state, x, y)[:1]
    expect(saliency(student, state, x[:1], y[:1]), "saliency").to_match(among_others, rel=1e-4)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_non_square(student, reference, rng):
    """compute_saliency_maps takes images that are not square"""
    state, x, y = draw_net(rng, 7, 10), draw_images(rng, 2, 3, 7, 10), rng.permutation(CLASSES)[:2]
    expect(saliency(student, state, x, y), "saliency").to_match(saliency(reference, state, x, y), rel=1e-4)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps", promise="given")
def test_saliency_twice(student, rng):
    """compute_saliency_maps returns the same maps when it is called again with the same images"""
    state, x, y = draw_net(rng), draw_images(rng, 2, 3, 12, 12), rng.permutation(CLASSES)[:2]
    first, net, placed = saliency_by_class(student, state, x, y), put_net(student, state), student.put(Tensor(x))
    for name in ("saliency", "saliency of the second call"):
        again = student.net_visualization_pytorch.compute_saliency_maps(placed, Tensor(y), net)
        expect(again, name).to_match(first, rel=1e-4)


@points(0.5, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_eval_mode(student, rng):
    """compute_saliency_maps puts the model in eval mode, so that dropout has no part in the maps"""
    state, x, y = draw_net(rng), draw_images(rng, 2, 3, 12, 12), rng.permutation(CLASSES)[:2]
    without, with_dropout = saliency_by_class(student, state, x, y), {"dropout": 1.0, "training": True}
    expect(saliency(student, state, x, y, **with_dropout), "saliency").to_match(without, rel=1e-4)


@points(0.75, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image(student, rng):
    """make_fooling_image turns an image into one that the network takes for the target class"""
    state, x, target = draw_fooling(rng)
    expect_fooled(state, x, fool(student, state, x, target), target)


@points(0.5, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_step_length(student, rng):
    """make_fooling_image takes steps of length learning_rate, which is 1: the gradient is divided by its norm"""
    lengths = np.sqrt(np.square(np.diff(way(student, *draw_fooling(rng)), axis=0)).sum(axis=(1, 2, 3)))
    expect(lengths, "lengths of the steps").to_match(np.ones_like(lengths), rel=1e-3)


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_direction(student, rng):
    """make_fooling_image takes each step along the gradient of the target's score at the image it has got to"""
    state, x, target = draw_fooling(rng)
    images = way(student, state, x, target)
    expected = np.array([unit(step) for step in gradients(state, images[:-1], target)])
    got = np.array([unit(step) for step in np.diff(images, axis=0)])
    expect(got, "directions of the steps").to_match(expected, rel=3e-3)


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_stops(student, rng):
    """make_fooling_image stops as soon as the network is fooled, before any step if it is so from the start"""
    state, x, target = draw_fooling(rng)
    images = way(student, state, x, target)
    fooled = lead(state, images, target) >= 0
    expect(images, "X_fooling").to_be(fooled[-1], "is not classified as the target class at last")
    expect(images, "X_fooling").to_be(not fooled[:-1].any(), "was moved on after it had fooled the network")
    again = fool(student, state, np.float32(images[-1:]), target)
    expect(np.reshape(again, (1, 3, 12, 12)), "X_fooling of an image of the target class").to_equal(images[-1:])


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_shape(student, rng):
    """make_fooling_image returns an image of the shape of X, batch axis included"""
    expect(fool_by_target(student, *draw_fooling(rng)), "X_fooling").to_have_shape((1, 3, 12, 12))


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_leaves_the_original(student, rng):
    """make_fooling_image works on a copy: X stays as it was"""
    fool_by_target(student, *draw_fooling(rng))
    expect_unchanged_arguments(student.net_visualization_pytorch.make_fooling_image)


@points(0.25, "net_visualization_pytorch.make_fooling_image", promise="given")
def test_fooling_image_eval_mode(student, rng):
    """make_fooling_image puts the model in eval mode, so that it fools the network as it is used, without dropout"""
    state, x, target = draw_fooling(rng)
    without, with_dropout = fool_by_target(student, state, x, target), {"dropout": 1.0, "training": True}
    expect(fool(student, state, x, target, **with_dropout), "X_fooling").to_match(without, rel=1e-4)


@points(0.75, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_direction(student, reference, rng):
    """class_visualization_update_step moves img in place along the gradient of the target's score"""
    state, img, target = draw_net(rng), draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES))
    expected = unit(gradient(reference, state, img, target))
    expect(direction(climb(student, state, img, target)), "direction of the step").to_match(expected, rel=1e-4)


@points(0.5, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_length(student, reference, rng):
    """class_visualization_update_step takes steps of length learning_rate, or of that times the gradient's norm"""
    state, img, target = draw_net(rng), draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES))
    rates = np.array([0.5, 3.0])
    images = [climb(student, state, img, target, learning_rate=float(rate))[1] for rate in rates]
    got = np.array([np.linalg.norm(image.astype(np.float64) - img) for image in images])
    unnormalized = rates * np.linalg.norm(gradient(reference, state, img, target))
    nearest = min((rates, unnormalized), key=lambda lengths: abs(np.log(lengths[1] / max(got[1], 1e-300))))
    expect(got, "lengths of steps with two learning rates").to_match(nearest, rel=1e-3)


@points(0.5, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_regularization(student, reference, rng):
    """class_visualization_update_step subtracts the gradient of l2_reg * ||img||^2 before it steps"""
    state, img, target = draw_net(rng), draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES))
    expected = unit(gradient(reference, state, img, target) - 2 * 0.05 * img)
    # the regularized step comes last, since a sentence tells the inputs of the last call
    free, bound = (climb(student, state, img, target, l2_reg=l2_reg, learning_rate=2.0) for l2_reg in (0.0, 0.05))
    expect(direction(bound), "direction of the step").to_match(expected, rel=1e-4)
    length, alone = (np.linalg.norm(images[1].astype(np.float64) - img) for images in (bound, free))
    if abs(alone - 2) < 1e-3:  # so the gradient is divided by its norm, which has to be that of the whole
        expect(length, "length of a step with l2_reg and a learning rate of 2").to_match(2.0, rel=1e-3)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step", promise="given")
def test_update_step_twice(student, rng):
    """class_visualization_update_step depends on img alone: a second step is that of a first from the same img"""
    state, img, target = draw_net(rng), draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES))
    images = climb(student, state, img, target, steps=2)
    expect(np.abs(images[1]).max(), "largest value of img after a step").to_lie_within(0, 1e4)
    expected = direction_by_target(student, state, images[1], target)
    expect(direction(images), "direction of the second step").to_match(expected, rel=1e-4)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step", promise="given")
def test_update_step_eval_mode(student, rng):
    """class_visualization_update_step puts the model in eval mode, so that dropout has no part in the step"""
    state, img, target = draw_net(rng), draw_images(rng, 1, 3, 12, 12), int(rng.randint(CLASSES))
    without = direction_by_target(student, state, img, target)
    got = direction(climb(student, state, img, target, dropout=1.0, training=True))
    expect(got, "direction of the step").to_match(without, rel=1e-4)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_keeps_a_leaf(student, rng):
    """class_visualization_update_step leaves img ready for the next step: a leaf tensor with requires_grad set"""
    state, before = draw_net(rng), draw_images(rng, 1, 3, 12, 12)
    direction_by_target(student, state, before, 1)
    img = student.put(Tensor(before, requires_grad=True))
    student.net_visualization_pytorch.class_visualization_update_step(img, put_net(student, state), 1, 0.0, 1.0)
    expect(img, "img").to_be(img.requires_grad and img.is_leaf, "is no longer a leaf tensor with requires_grad set")
