"""Q6: saliency maps, fooling images and class visualization, on small networks whose weights the grader holds."""

import numpy as np

from grader.checks import Tensor, expect, points

CLASSES = 6


def draw_net(rng, height=12, width=12, channels=4):
    """Returns a state dict for `put_net`, for images (3, height, width)."""
    features = channels * height * width
    return {
        "0.weight": rng.randn(channels, 3, 3, 3) / 3,
        "0.bias": rng.randn(channels),
        "4.weight": rng.randn(CLASSES, features) / np.sqrt(features),
        "4.bias": rng.randn(CLASSES),
    }


def put_net(package, state, dropout=0.0, training=False):
    """Builds conv, softplus, dropout, affine in a worker, in float64: smooth, so that no gradient has kinks."""
    nn = package.library("torch").nn
    conv, affine = state["0.weight"], state["4.weight"]
    layers = nn.Conv2d(3, len(conv), 3, padding=1), nn.Softplus(), nn.Dropout(dropout), nn.Flatten()
    net = nn.Sequential(*layers, nn.Linear(*affine.shape[::-1])).double()
    net.load_state_dict({name: Tensor(array) for name, array in state.items()})
    return net.train(training)


def saliency(package, state, x, y, **mode):
    """Returns compute_saliency_maps of x (N, 3, H, W) and y (N,)."""
    net = put_net(package, state, **mode)
    return package.net_visualization_pytorch.compute_saliency_maps(Tensor(x), Tensor(y), net)


def draw_fooling(rng):
    """Returns a net's state and an image x (1, 3, 12, 12)."""
    return draw_net(rng), rng.randn(1, 3, 12, 12)


def fool(package, state, x, target, **mode):
    """Returns make_fooling_image of x."""
    return package.net_visualization_pytorch.make_fooling_image(Tensor(x), target, put_net(package, state, **mode))


def classify(reference, state, x):
    """Returns the scores (6,) that the grader's own copy of the net gives an image, with or without a batch axis."""
    return put_net(reference, state)(Tensor(np.reshape(x, (1, 3, 12, 12))))[0]


def least_likely(reference, state, x):
    """Returns the class of the lowest score."""
    return int(classify(reference, state, x).argmin())


def expect_fooled(reference, state, fooled, target):
    """Claims that the grader's own copy of the net takes an image for the target class."""
    scores = classify(reference, state, fooled)
    expect(scores, "fooled image").to_be(scores[target] >= scores.max(), "is not classified as the target class")


def climb(package, state, img, target, l2_reg=0.0, learning_rate=2.0, steps=1, **mode):
    """Returns img and what it is after each of several class_visualization_update_steps."""
    net, placed, images = put_net(package, state, **mode), package.put(Tensor(img, requires_grad=True)), [img]
    for _ in range(steps):
        package.net_visualization_pytorch.class_visualization_update_step(placed, net, target, l2_reg, learning_rate)
        images.append(package.fetch(placed))
    return images


def steepest(reference, state, img, target):
    """Returns the direction in which the grader's own copy of the net raises the target's score fastest at img."""
    net, placed = put_net(reference, state), reference.put(Tensor(img, requires_grad=True))
    reference.keep(reference.keep(net, placed).select, 1, target).backward()
    return placed.grad / np.linalg.norm(placed.grad)


def direction(images):
    """Returns the last step between images, scaled to length 1; zeros stay zeros."""
    step = images[-1] - images[-2]
    return step / max(np.linalg.norm(step), 1e-300)


@points(0.75, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency(student, reference, rng):
    """compute_saliency_maps returns the largest absolute gradient of each image's own class score over the channels"""
    state, x, y = draw_net(rng), rng.randn(4, 3, 12, 12), rng.permutation(CLASSES)[:4]
    expect(saliency(student, state, x, y), "saliency").to_match(saliency(reference, state, x, y), rel=1e-9)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_single_image(student, reference, rng):
    """compute_saliency_maps of a single image keeps the batch axis: (1, H, W)"""
    state, x, y = draw_net(rng), rng.randn(1, 3, 12, 12), rng.randint(CLASSES, size=1)
    expect(saliency(student, state, x, y), "saliency").to_match(saliency(reference, state, x, y), rel=1e-9)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_non_square(student, reference, rng):
    """compute_saliency_maps takes images that are not square"""
    state, x, y = draw_net(rng, 7, 10), rng.randn(3, 3, 7, 10), rng.permutation(CLASSES)[:3]
    expect(saliency(student, state, x, y), "saliency").to_match(saliency(reference, state, x, y), rel=1e-9)


@points(0.25, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_twice(student, rng):
    """compute_saliency_maps returns the same maps when it is called again with the same images"""
    net, y = put_net(student, draw_net(rng)), Tensor(rng.permutation(CLASSES)[:2])
    x = student.put(Tensor(rng.randn(2, 3, 12, 12)))
    first, second = (student.net_visualization_pytorch.compute_saliency_maps(x, y, net) for _ in range(2))
    expect(second, "saliency of the second call").to_match(first, rel=1e-9)


@points(0.5, "net_visualization_pytorch.compute_saliency_maps")
def test_saliency_eval_mode(student, reference, rng):
    """compute_saliency_maps puts the model in eval mode, so that dropout has no part in the maps"""
    state, x, y = draw_net(rng), rng.randn(2, 3, 12, 12), rng.permutation(CLASSES)[:2]
    got = saliency(student, state, x, y, dropout=1.0, training=True)
    expect(got, "saliency").to_match(saliency(reference, state, x, y), rel=1e-9)


@points(1.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image(student, reference, rng):
    """make_fooling_image turns an image into one that the network takes for the class it found least likely"""
    state, x = draw_fooling(rng)
    target = least_likely(reference, state, x)
    expect_fooled(reference, state, fool(student, state, x, target), target)


@points(0.25, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_shape(student, rng):
    """make_fooling_image returns an image of the shape of X, batch axis included"""
    expect(fool(student, *draw_fooling(rng), 3), "X_fooling").to_have_shape((1, 3, 12, 12))


@points(0.5, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_leaves_the_original(student, reference, rng):
    """make_fooling_image works on a copy: X stays as it was"""
    state, x = draw_fooling(rng)
    placed, target = student.put(Tensor(x)), least_likely(reference, state, x)
    student.net_visualization_pytorch.make_fooling_image(placed, target, put_net(student, state))
    expect(student.fetch(placed), "X").to_equal(x)


@points(0.5, "net_visualization_pytorch.make_fooling_image")
def test_fooling_image_eval_mode(student, reference, rng):
    """make_fooling_image puts the model in eval mode, so that it fools the network as it is used, without dropout"""
    state, x = draw_fooling(rng)
    target = least_likely(reference, state, x)
    expect_fooled(reference, state, fool(student, state, x, target, dropout=1.0, training=True), target)


@points(1, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_direction(student, reference, rng):
    """class_visualization_update_step moves img in place along the gradient of the target's score, at any length"""
    state, img, target = draw_net(rng), rng.randn(1, 3, 12, 12), int(rng.randint(CLASSES))
    got, expected = (direction(climb(package, state, img, target)) for package in (student, reference))
    expect(got, "direction of the step").to_match(expected, rel=1e-7)


@points(0.5, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_regularization(student, reference, rng):
    """class_visualization_update_step subtracts the gradient of l2_reg * ||img||^2 before it steps"""
    state, img, target = draw_net(rng), rng.randn(1, 3, 12, 12), int(rng.randint(CLASSES))
    got, expected = (direction(climb(package, state, img, target, l2_reg=0.02)) for package in (student, reference))
    expect(got, "direction of the step").to_match(expected, rel=1e-7)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_learning_rate(student, rng):
    """class_visualization_update_step takes a step three times as long with three times the learning rate"""
    state, img = draw_net(rng), rng.randn(1, 3, 12, 12)
    short, long = (climb(student, state, img, 2, learning_rate=rate)[1] - img for rate in (1.0, 3.0))
    expect(np.linalg.norm(long) / np.linalg.norm(short), "ratio of the lengths").to_match(3.0, rel=1e-7)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_twice(student, reference, rng):
    """class_visualization_update_step carries no gradient over to the next call"""
    state, target = draw_net(rng), int(rng.randint(CLASSES))
    images = climb(student, state, rng.randn(1, 3, 12, 12), target, steps=2)
    expect(np.abs(images[1]).max(), "largest value of img after a step").to_lie_within(0, 1e4)
    expected = steepest(reference, state, images[1], target)
    expect(direction(images), "direction of the second step").to_match(expected, rel=1e-7)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_eval_mode(student, reference, rng):
    """class_visualization_update_step puts the model in eval mode, so that dropout has no part in the step"""
    state, img, target = draw_net(rng), rng.randn(1, 3, 12, 12), int(rng.randint(CLASSES))
    got = direction(climb(student, state, img, target, dropout=1.0, training=True))
    expect(got, "direction of the step").to_match(direction(climb(reference, state, img, target)), rel=1e-7)


@points(0.25, "net_visualization_pytorch.class_visualization_update_step")
def test_update_step_keeps_a_leaf(student, rng):
    """class_visualization_update_step leaves img ready for the next step: a leaf tensor with requires_grad set"""
    img = student.put(Tensor(rng.randn(1, 3, 12, 12), requires_grad=True))
    student.net_visualization_pytorch.class_visualization_update_step(img, put_net(student, draw_net(rng)), 1, 0.0, 1.0)
    expect(img, "img").to_be(img.requires_grad and img.is_leaf, "is no longer a leaf tensor with requires_grad set")
