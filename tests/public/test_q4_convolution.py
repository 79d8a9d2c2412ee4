"""Q4: convolution and pooling, by loops and fast, normalization of images, and the three-layer convolutional net.

How tolerances are chosen stands in docs/writing-a-check.md; normalized are values far from zero, which costs a digit.
"""

import numpy as np
import pytest

from grader.checks import expect, expect_unchanged_arguments, points
from tests.public.shared import expect_cache_to_serve, expect_drawn_anew, expect_normal

VALUE, NORMALIZED = 1e-5, 1e-4
INIT, LOSS = "classifiers.cnn.ThreeLayerConvNet.__init__", "classifiers.cnn.ThreeLayerConvNet.loss"
PARAMETERS = ["W1", "b1", "W2", "b2", "W3", "b3"]
WEIGHTS, BIASES = PARAMETERS[::2], PARAMETERS[1::2]

# each case differs from the first one in one way only, so that a slip costs the case it is about; numbers of images,
# channels and filters are none of a filter's or window's sides, so that a loop over one for the other shows
CONV = {
    "stride 1 and padding 1": {},
    "stride 2": {"stride": 2, "h": 7, "w": 7},
    "padding 0": {"pad": 0},
    "padding 2": {"pad": 2},
    "a non-square image": {"w": 8},
    "non-square filters": {"ww": 5},
    "a single image": {"n": 1},
}
# windows that are not square don't overlap, and are as many across as down
POOL = {
    "2x2 windows": {},
    "overlapping windows": {"h": 7, "w": 7, "height": 3, "width": 3},
    "non-square windows": {"h": 9, "w": 8, "height": 3, "width": 2, "stride": 3},
    "a non-square image": {"w": 8},
}
USUAL, *SPECIAL = CONV
WINDOWS = ["overlapping windows", "non-square windows", "a non-square image"]
FAST = ["stride 2", "padding 0", "a non-square image", "non-square filters"]


def draw_conv(rng, n=2, c=5, h=6, w=6, f=4, hh=3, ww=3, stride=1, pad=1):
    """Returns (x (n, c, h, w), w (f, c, hh, ww), b (f,), conv_param) and dout (n, f, h', w')."""
    size = 1 + (h + 2 * pad - hh) // stride, 1 + (w + 2 * pad - ww) // stride
    arrays = rng.randn(n, c, h, w), rng.randn(f, c, hh, ww), rng.randn(f)
    return (*arrays, {"stride": stride, "pad": pad}), rng.randn(n, f, *size)


def draw_pool(rng, n=4, c=5, h=6, w=6, height=2, width=2, stride=2):
    """Returns (x (n, c, h, w), pool_param) and dout (n, c, h', w'); the entries of x are positive and far from ties.

    They are no whole numbers, which say too little about how an answer of them came about to name a misconception.
    """
    x = 0.37 * (1.0 + rng.permutation(n * c * h * w).reshape(n, c, h, w))
    size = 1 + (h - height) // stride, 1 + (w - width) // stride
    return (x, {"pool_height": height, "pool_width": width, "stride": stride}), rng.randn(n, c, *size)


def draw_images(rng, c=3, scale=100.0, n=4):
    """Returns x (n, c, 5, 7), gamma and beta (c,), dout; at the usual scale of x no epsilon matters."""
    x = scale * (rng.randn(n, c, 5, 7) * rng.uniform(0.5, 2, (c, 1, 1)) + rng.randn(c, 1, 1))
    return x, rng.uniform(0.5, 2, c), rng.randn(c), rng.randn(*x.shape)


def draw_groups(rng, scale=100.0, n=4):
    """Returns x (n, 6, 5, 7), gamma and beta (1, 6, 1, 1), dout; at the usual scale of x no epsilon matters."""
    x, gamma, beta, dout = draw_images(rng, 6, scale, n)
    return x, gamma.reshape(1, 6, 1, 1), beta.reshape(1, 6, 1, 1), dout


def draw_net(rng, n=4, c=2, h=6, w=6, f=8, size=3, hidden=7, classes=5):
    """Returns X (n, c, h, w), y (n,) and params: W1 (f, c, size, size), W2 (f * h/2 * w/2, hidden), W3, b1 to b3."""
    params = {"W1": rng.randn(f, c, size, size) / size, "b1": rng.randn(f)}
    params |= {"W2": rng.randn(f * (h // 2) * (w // 2), hidden) / np.sqrt(h * w), "b2": rng.randn(hidden)}
    params |= {"W3": rng.randn(hidden, classes) / hidden, "b3": rng.randn(classes)}
    return rng.randn(n, c, h, w), rng.randint(classes, size=n), params


def function(package, name):
    """Returns the package's layer function of that name."""
    return getattr(package.fast_layers if name.endswith("_fast") else package.layers, name)


def output(package, name, *arguments):
    """Returns what a forward pass makes of its arguments."""
    out, _ = function(package, name)(*arguments)
    return out


def gradients(package, name, arguments, dout):
    """Returns what the backward pass of that name makes of dout; the cache is the package's own business."""
    _, cache = function(package, name.replace("backward", "forward"))(*arguments)
    return function(package, name)(dout, cache)


def layers(*rows, timing=False, promise=""):
    """Parametrizes a check over layer functions and cases; each row is points, a function's name, its cases.

    A row may end with a promise of its own.
    """
    table = []
    for value, name, cases, *own in rows:
        judged = f"fast_layers.{name}" if name.endswith("_fast") else f"layers.{name}"
        mark = points(value, judged, timing=timing, promise=own[0] if own else promise)
        table += [pytest.param(name, case, marks=mark, id=f"{name}-{str(case).replace(' ', '_')}") for case in cases]
    return pytest.mark.parametrize(("name", "case"), table)


@layers(
    (0.5, "conv_forward_naive", [USUAL]),
    (0.25, "conv_forward_naive", SPECIAL),
    (0.5, "conv_forward_fast", [USUAL]),
    (0.25, "conv_forward_fast", FAST),
)
def test_convolution(student, reference, rng, name, case):
    """{name} returns the cross-correlation of images and filters plus the bias, with {case}"""
    arguments, _ = draw_conv(rng, **CONV[case])
    expected = output(reference, "conv_forward_naive", *arguments)
    expect(output(student, name, *arguments), "out").to_match(expected, rel=VALUE)


@layers(
    (0.5, "conv_backward_naive", ["dx"]),
    (0.25, "conv_backward_naive", ["dw", "db"]),
    (0.25, "conv_backward_fast", ["dx", "dw", "db"]),
)
def test_convolution_gradient(student, reference, rng, name, case):
    """{name} returns the true gradient {case}, of the shape of what it differentiates by"""
    arguments, dout = draw_conv(rng)
    expected = gradients(reference, "conv_backward_naive", arguments, dout)
    expect(gradients(student, name, arguments, dout), "dx dw db", only=case).to_match(expected, rel=VALUE)


# one gradient for each case, so that a slip in db or in all of dw is not judged over and over
@layers(
    (0.25, "conv_backward_naive", [f"dx with {case}" for case in ["padding 2", *FAST[:3]]]),
    (0.25, "conv_backward_fast", [f"dx with {case}" for case in FAST[:3]]),
    (0.25, "conv_backward_naive", ["dw with stride 2 and padding 2 and non-square filters"]),
    (0.25, "conv_backward_fast", ["dw with stride 2 and padding 2 and non-square filters"]),
)
def test_convolution_gradient_for(student, reference, rng, name, case):
    """{name} returns the true gradient {case}"""
    gradient, case = case.split(" with ")
    arguments, dout = draw_conv(rng, **dict(size for part in case.split(" and ") for size in CONV[part].items()))
    expected = gradients(reference, "conv_backward_naive", arguments, dout)
    expect(gradients(student, name, arguments, dout), "dx dw db", only=gradient).to_match(expected, rel=VALUE)


@layers(
    (0.5, "max_pool_forward_naive", ["2x2 windows"]),
    (0.25, "max_pool_forward_naive", WINDOWS),
    (0.25, "max_pool_forward_fast", ["2x2 windows", *WINDOWS[:2]]),
)
def test_max_pooling(student, reference, rng, name, case):
    """{name} returns the maximum of each window of each channel, with {case}"""
    arguments, _ = draw_pool(rng, **POOL[case])
    expected = output(reference, "max_pool_forward_naive", *arguments)
    expect(output(student, name, *arguments), "out").to_match(expected, rel=VALUE)


@layers(
    (0.5, "max_pool_backward_naive", ["2x2 windows"]),
    (0.25, "max_pool_backward_naive", WINDOWS),
    (0.25, "max_pool_backward_fast", ["2x2 windows", *WINDOWS[:2]]),
)
def test_max_pooling_gradient(student, reference, rng, name, case):
    """{name} passes each entry of dout to the maximum of its window, with {case}"""
    arguments, dout = draw_pool(rng, **POOL[case])
    expected = gradients(reference, "max_pool_backward_naive", arguments, dout)
    expect(gradients(student, name, arguments, dout), "dx").to_match(expected, rel=VALUE)


def find_misplaced(dx, expected):
    """Returns a sentence about the first entry of dx that receives something where it should not, or nothing."""
    for place in map(tuple, np.argwhere((dx != 0) != (expected != 0)).tolist()):
        holds = "the" if expected[place] else "no"
        return f"is {dx[place]:.3g} at {place}, which holds {holds} first of a window's equal maxima"
    return ""


@layers((0.25, "max_pool_backward_naive", ["ties"]), (0.25, "max_pool_backward_fast", ["ties"]), promise="ties")
def test_max_pooling_ties(student, reference, rng, name, case):
    """{name} gives a window's gradient to the first of equal maxima, as its docstring says"""
    # a fast layer may have a branch of its own for windows that overlap
    for sizes in list(POOL.values())[: 2 if name.endswith("_fast") else 1]:
        (x, pool_param), dout = draw_pool(rng, **sizes)
        arguments = rng.randint(0, 2, x.shape).astype(float), pool_param
        expected = gradients(reference, "max_pool_backward_naive", arguments, dout)
        dx = gradients(student, name, arguments, dout)
        expect(dx, "dx").to_have_shape(x.shape)
        sentence = find_misplaced(dx, expected)
        expect(dx, "dx").to_be(not sentence, sentence)


def large_arguments(rng, name):
    """Returns the arguments of a forward pass, so large that NumPy's own work outweighs the cost of calling it."""
    if "pool" in name:
        return rng.random_sample((32, 32, 36, 36)), {"pool_height": 3, "pool_width": 3, "stride": 3}
    shapes = (16 if "backward" in name else 32, 64, 16, 16), (64, 64, 3, 3), (64,)
    return *(rng.random_sample(shape) for shape in shapes), {"stride": 1, "pad": 1}


# Multiples of the reference's CPU time, about the geometric middle of what was measured of accepted ways to write it
# (windows with einsum or tensordot, index arrays, a loop over a filter's or the output's positions) and of loops over
# images, channels or filters, and positions; the quickest of them copy the windows first. A loop over images and
# positions whose one product takes all filters does enough in each turn to be accepted, at 3 to 8. The slowest accepted
# ways multiply filter by filter, or add columns that lie far apart in memory. The reference pools in 4 ms; the width of
# the gap makes up for that.
LIMITS = {
    "conv_forward_fast": 16,  # accepted 1.0 to 12, loops 22 to 216
    "conv_backward_fast": 30,  # accepted 1.3 to 15, loops 40 to 126
    "max_pool_forward_fast": 25,  # accepted 1.5 to 9.0, loops 102 to 197
    "max_pool_backward_fast": 17,  # accepted 1.4 to 6.1, loops 60 to 78
}


@layers((0.5, "conv_forward_fast", ["large images"]), (0.25, "max_pool_forward_fast", ["large images"]), timing=True)
def test_speed(race, name, case):
    """{name} is vectorized: on {case} it takes the time of array operations, not of nested Python loops"""

    def prepare(package, rng):
        return function(package, name), large_arguments(rng, name)

    race(prepare, at_most=LIMITS[name])


@layers((0.5, "conv_backward_fast", ["large images"]), (0.25, "max_pool_backward_fast", ["large images"]), timing=True)
def test_gradient_speed(race, name, case):
    """{name} is vectorized: on {case} it takes the time of array operations, not of nested Python loops"""

    def forward(package, rng):
        arguments = large_arguments(rng, name)
        return package.keep(function(package, name.replace("backward", "forward")), *arguments)[1]

    def prepare(package, rng, cache):
        dout = rng.random_sample((32, 32, 12, 12) if "pool" in name else (16, 64, 16, 16))
        return function(package, name), (dout, cache)

    race(prepare, once=forward, at_most=LIMITS[name])


def initial_params(package, *arguments, **options):
    """Returns the params of a fresh net."""
    return package.fetch(package.classifiers.cnn.ThreeLayerConvNet(*arguments, **options).params)


@points(0.25, INIT)
def test_net_default_params(student):
    """With default arguments params holds W1 (32, 3, 7, 7), b1, W2 (32 * 16 * 16, 100), b2, W3 (100, 10) and b3"""
    params = initial_params(student)
    expect(sorted(params), "names of params").to_equal(sorted(PARAMETERS))
    for name, shape in zip(PARAMETERS, [(32, 3, 7, 7), (32,), (8192, 100), (100,), (100, 10), (10,)], strict=True):
        expect(params[name], name).to_have_shape(shape)


@points(0.25, INIT)
@pytest.mark.parametrize("image", [(2, 8, 8), (2, 8, 12)], ids=["square", "non_square"])
def test_net_params_for(student, image):
    """params has the shapes that images {image}, 5 filters of 3x3, 11 hidden units and 4 classes need"""
    params = initial_params(student, image, 5, 3, 11, 4)
    pooled = 5 * (image[1] // 2) * (image[2] // 2)
    for name, shape in zip(PARAMETERS, [(5, 2, 3, 3), (5,), (pooled, 11), (11,), (11, 4), (4,)], strict=True):
        expect(params.get(name), name).to_have_shape(shape)


@points(0.25, INIT)
def test_net_dtype(student):
    """All of params has the net's dtype, float32 unless it is told otherwise"""
    for dtype, options in ("float32", {}), ("float64", {"dtype": student.library("numpy").float64}):
        params = initial_params(student, (2, 4, 4), 5, 3, 11, 4, **options)
        for name in PARAMETERS:
            expect(params.get(name), name).to_have_dtype(dtype)


@points(0.25, INIT)
def test_net_weights(student):
    """W1, W2 and W3 are drawn from a normal distribution of mean 0 and standard deviation weight_scale"""
    params, others = (initial_params(student, (3, 16, 16), 32, 7, 64, 50, weight_scale=0.03) for _ in range(2))
    for name in WEIGHTS:
        W = np.asarray(params.get(name), dtype=np.float64) / 0.03
        # at least 3200 draws each: the limits are 7 and more standard errors away
        expect(W.std(), f"standard deviation of {name} in units of weight_scale").to_lie_within(0.9, 1.1)
        expect(W.mean(), f"mean of {name} in units of weight_scale").to_lie_within(-0.15, 0.15)
    expect_normal({name: params.get(name) for name in WEIGHTS})
    expect_drawn_anew({name: params[name] for name in WEIGHTS}, others)


@points(0.25, INIT)
def test_net_biases(student):
    """b1, b2 and b3 start at zero"""
    params = initial_params(student, (2, 4, 4), 5, 3, 11, 4)
    for name in BIASES:
        expect(params.get(name), name).to_lie_within(0, 0)


def build(package, X, params, reg=0.0, dtype="float64"):
    """Returns the package's net with exactly these params, whatever it draws for itself."""
    sizes = (X.shape[1:], len(params["W1"]), params["W1"].shape[2], *params["W3"].shape)
    net = package.classifiers.cnn.ThreeLayerConvNet(*sizes, reg=reg, dtype=getattr(package.library("numpy"), dtype))
    net.params = {name: value.astype(dtype) for name, value in params.items()}
    return net


def loss_and_gradients(package, X, y, params, reg=0.0):
    """Returns the net's loss and its gradients, a dict keyed like params."""
    loss, grads = build(package, X, params, reg).loss(X, y)
    return loss, package.fetch(grads)


@points(0.25, LOSS)
def test_net_scores(student, reference, rng):
    """loss(X) returns the scores of conv - ReLU - 2x2 max pool - affine - ReLU - affine"""
    X, _, params = draw_net(rng)
    scores, expected = (build(package, X, params).loss(X) for package in (student, reference))
    expect(scores, "scores").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
@pytest.mark.parametrize("case", ["filters of 7x7 pixels", "images that are not square"], ids=["filters", "images"])
def test_net_scores_for(student, reference, rng, case):
    """loss(X) returns the right scores for {case}"""
    # a single image has scores in two axes too
    X, _, params = draw_net(rng, **({"size": 7} if "filters" in case else {"w": 10, "n": 1}))
    scores, expected = (build(package, X, params).loss(X) for package in (student, reference))
    expect(scores, "scores").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
def test_net_loss(student, reference, rng):
    """loss(X, y) returns the mean cross entropy"""
    drawn = draw_net(rng)
    (loss, _), (expected, _) = (loss_and_gradients(package, *drawn) for package in (student, reference))
    expect(loss, "loss").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_net_gradient(student, reference, rng, parameter):
    """loss(X, y) returns the true gradient with respect to {parameter}"""
    drawn = draw_net(rng)
    (_, grads), (_, expected) = (loss_and_gradients(package, *drawn) for package in (student, reference))
    expect(grads.get(parameter), f"gradient of {parameter}").to_match(expected[parameter], rel=VALUE)


@points(0.25, LOSS)
def test_net_regularization(student, rng):
    """reg adds 0.5 * reg * the sum of the squares of W1, W2 and W3 to the loss"""
    X, y, params = draw_net(rng)
    params |= {name: np.zeros_like(params[name]) for name in BIASES}
    (plain, _), (loss, _) = (loss_and_gradients(student, X, y, params, reg) for reg in (0.0, 0.6))
    expected = 0.5 * 0.6 * sum(np.square(params[name]).sum() for name in WEIGHTS)
    expect(np.squeeze(loss - plain), "what reg adds to the loss").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
def test_net_regularization_gradient(student, rng):
    """reg adds reg * W to the gradient of each weight W, which has all digits of float64 in such a net"""
    drawn = _, _, params = draw_net(rng)
    # so large that nobody clips a gradient unseen
    (_, plain), (_, grads) = (loss_and_gradients(student, *drawn, reg) for reg in (0.0, 600.0))
    for name in WEIGHTS:
        added = f"what reg adds to the gradient of {name}"
        expect(grads[name] - plain[name], added).to_match(600 * params[name], rel=VALUE)
        expect(grads[name], f"gradient of {name}").to_have_digits_of_float64()


@points(0.25, LOSS, promise="given")
def test_net_float32(student, reference, rng):
    """A net of dtype float32 computes scores and gradients in float32, also where X comes as float64"""
    X, y, params = draw_net(rng)
    scores, expected = (build(package, X, params, dtype="float32").loss(X) for package in (student, reference))
    expect(scores, "scores").to_have_dtype(expected.dtype)
    expect(scores, "scores").to_be_computed_from()
    grads = student.fetch(build(student, X, params, reg=0.6, dtype="float32").loss(X, y)[1])
    for name in [name for name in PARAMETERS if name in grads]:
        expect(grads[name], f"gradient of {name}").to_have_dtype(np.float32)


@points(0.1, LOSS, promise="arguments")
def test_net_leaves_its_data(student, rng):
    """loss leaves X, y and the parameters as they are"""
    X, y, params = draw_net(rng)
    X = X.astype(np.float32)  # which loss casts, so that what a layer does in place is no matter here
    net = build(student, X, params, reg=0.6)
    expect(net.loss(X), "scores").to_be_computed_from()
    net.loss(X, y)
    expect_unchanged_arguments(net.loss)
    after = student.fetch(net.params)
    for name in PARAMETERS:
        expect(after[name], f"{name} after the loss").to_equal(params[name])


def running(rng, **others):
    """Returns a bn_param in the midst of a training, of statistics that suit draw_images."""
    return {"running_mean": 100 * rng.randn(3), "running_var": rng.uniform(5e3, 2e4, 3), **others}


@points(0.25, "layers.spatial_batchnorm_forward")
def test_batchnorm_train(student, reference, rng):
    """spatial_batchnorm_forward normalizes each channel over all images, rows and columns in train mode"""
    arguments = *draw_images(rng)[:3], {"mode": "train"}
    out, expected = (output(package, "spatial_batchnorm_forward", *arguments) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=NORMALIZED)


@points(0.25, "layers.spatial_batchnorm_forward")
def test_batchnorm_test(student, reference, rng):
    """spatial_batchnorm_forward uses the running statistics in test mode, and takes a single image"""
    x, *others = *draw_images(rng)[:3], running(rng, mode="test")
    for images in x, x[:1]:
        out, expected = (
            output(package, "spatial_batchnorm_forward", images, *others) for package in (student, reference)
        )
        expect(out, "out").to_match(expected, rel=NORMALIZED)


@points(0.25, "layers.spatial_batchnorm_forward")
def test_batchnorm_eps(student, reference, rng):
    """spatial_batchnorm_forward adds the eps of bn_param to the variance, in train and in test mode"""
    arrays, statistics = draw_images(rng, scale=1.0)[:3], {"running_mean": rng.randn(3), "running_var": np.ones(3)}
    for mode in ("train", "test"):
        arguments = *arrays, {"mode": mode, "eps": 0.5, **statistics}
        out, expected = (output(package, "spatial_batchnorm_forward", *arguments) for package in (student, reference))
        expect(out, f"out in {mode} mode").to_match(expected, rel=NORMALIZED)


def running_after(package, x, gamma, beta, bn_param):
    """Returns running_mean and running_var as the caller's bn_param holds them after a call; None where it does not."""
    placed = package.put(bn_param)
    package.layers.spatial_batchnorm_forward(x, gamma, beta, placed)
    after = package.fetch(placed)
    return after.get("running_mean"), after.get("running_var")


@layers((0.25, "spatial_batchnorm_forward", ["the default momentum", "a momentum of its own"]))
def test_batchnorm_running(student, reference, rng, name, case):
    """{name} updates the running statistics in the caller's bn_param, with {case}"""
    arguments = *draw_images(rng)[:3], running(rng, mode="train", **({"momentum": 0.3} if "own" in case else {}))
    got, expected = (running_after(package, *arguments) for package in (student, reference))
    expect(got, "running_mean running_var").to_match(expected, rel=NORMALIZED)


@layers((0.25, "spatial_batchnorm_backward", ["dx", "dgamma", "dbeta"]))
def test_batchnorm_gradient(student, reference, rng, name, case):
    """{name} returns the true gradient {case}"""
    *arrays, dout = draw_images(rng)
    got, expected = (gradients(package, name, (*arrays, {"mode": "train"}), dout) for package in (student, reference))
    expect(got, "dx dgamma dbeta", only=case).to_match(expected, rel=NORMALIZED)


def draw_signs(rng, c):
    """Returns x (6, c, 5, 6), as often 1 as -1 along images, pixels and each four channels, and dout.

    Along each of these, the means of dout and of its product with x are 0, so dx is dout divided by the root.
    """
    images, four, pixels = (rng.permutation(np.resize([1.0, -1.0], size)) for size in (6, 4, 30))
    dout = rng.randn(6, c // 4, 4, 30)
    x = np.einsum("n,f,p->nfp", images, four, pixels)[:, np.newaxis] * np.ones(dout.shape)
    for axis in 0, 2, 3:
        for along in np.ones(x.shape), x:
            dout -= along * (dout * along).mean(axis, keepdims=True)
    return x.reshape(6, c, 5, 6), dout.reshape(6, c, 5, 6)


# x and dout are such that all ways to gather statistics agree, and only lengths count: other slips cost nothing here
def compare_lengths(package, name, x, dout, shape, *groups):
    """Judges whether an eps of 8 makes dx shorter by as much as the student's own out; gamma has this shape.

    Judges dgamma by that out too, unless it is wrong without that eps.
    """
    outs, gradients, dgammas = [], [], []
    for param in {"mode": "train", "eps": 8.0}, {"mode": "train"}:
        out, cache = function(package, name.replace("backward", "forward"))(
            x, np.ones(shape), np.zeros(shape), *groups, param
        )
        dx, _, _ = function(package, name)(dout, cache)
        expect(dx, "dx").to_have_shape(x.shape)
        expect(dx, "dx").to_be_computed_from(x)
        _, dgamma, _ = function(package, name)(x, cache)  # of dout it is 0
        fitting = (x * out).sum(axis=(0, 2, 3)) if np.shape(out) == x.shape else np.empty(0)
        dgammas.append((np.ravel(dgamma), fitting))
        outs.append(np.linalg.norm(out))
        gradients.append(np.linalg.norm(dx))
    with np.errstate(invalid="ignore", divide="ignore"):  # lengths of nothing but zeros
        got, expected = (lengths[0] / lengths[1] for lengths in (gradients, outs))
    expect(got, "length of dx with an eps of 8 by that without, as of out").to_match(expected, rel=0.05)
    (dgamma, fitting), (usual, expected) = dgammas
    if usual.shape == expected.shape and np.allclose(usual, expected, rtol=NORMALIZED):
        expect(dgamma, "dgamma with an eps of 8").to_match(fitting, rel=NORMALIZED)


@points(0.25, "layers.spatial_batchnorm_backward")
def test_batchnorm_gradient_eps(student, rng):
    """spatial_batchnorm_backward takes into account that the forward pass added the eps of bn_param to the variance"""
    compare_lengths(student, "spatial_batchnorm_backward", *draw_signs(rng, 4), 4)


@layers((0.25, "spatial_groupnorm_forward", [2, 1, 6]))
def test_groupnorm(student, reference, rng, name, case):
    """{name} normalizes each image over each of {case} groups of neighbouring channels"""
    n, gn_param = 1 if case == 1 else 4, {"mode": "test"} if case == 6 else {}  # neither makes a difference
    arguments = *draw_groups(rng, n=n)[:3], case, gn_param
    out, expected = (output(package, name, *arguments) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=NORMALIZED)


@points(0.25, "layers.spatial_groupnorm_forward")
def test_groupnorm_eps(student, reference, rng):
    """spatial_groupnorm_forward adds the eps of gn_param to the variance"""
    arguments = *draw_groups(rng, scale=1.0)[:3], 2, {"eps": 0.5}
    out, expected = (output(package, "spatial_groupnorm_forward", *arguments) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=NORMALIZED)


@layers((0.25, "spatial_groupnorm_backward", ["dx", "dgamma", "dbeta"]))
def test_groupnorm_gradient(student, reference, rng, name, case):
    """{name} returns the true gradient {case}, of the shape of what it differentiates by"""
    *arrays, dout = draw_groups(rng)
    got, expected = (gradients(package, name, (*arrays, 2, {}), dout) for package in (student, reference))
    expect(got, "dx dgamma dbeta", only=case).to_match(expected, rel=NORMALIZED)


@points(0.25, "layers.spatial_groupnorm_backward")
def test_groupnorm_gradient_eps(student, rng):
    """spatial_groupnorm_backward takes into account that the forward pass added the eps of gn_param to the variance"""
    compare_lengths(student, "spatial_groupnorm_backward", *draw_signs(rng, 8), (1, 8, 1, 1), 2)


def draw_for(rng, name):
    """Returns the arguments of a layer's forward pass, all floats of many digits, and dout."""
    if "conv" in name:
        return draw_conv(rng)
    if "pool" in name:
        (x, pool_param), dout = draw_pool(rng)
        return (x / 7, pool_param), dout
    *arrays, dout = (draw_groups if "groupnorm" in name else draw_images)(rng)
    return (*arrays, 2, {}) if "groupnorm" in name else (*arrays, {"mode": "train"}), dout


def floats(arguments, dtype):
    """Returns the arguments, the arrays among them in this dtype."""
    return [value.astype(dtype) if isinstance(value, np.ndarray) else value for value in arguments]


def results(package, name, arguments, dout):
    """Returns what a forward or backward pass makes of arguments and dout, by name, without a cache."""
    if "forward" in name:
        return {"out": output(package, name, *arguments)}
    found = gradients(package, name, arguments, dout)
    names = ["dx"] if "pool" in name else ["dx", "dw", "db"] if "conv" in name else ["dx", "dgamma", "dbeta"]
    return dict(zip(names, [found] if "pool" in name else found, strict=True))


CONVOLUTIONS = [f"conv_{way}_{speed}" for speed in ("naive", "fast") for way in ("forward", "backward")]
POOLINGS = [f"max_pool_{way}_{speed}" for speed in ("naive", "fast") for way in ("forward", "backward")]
GROUPNORMS = ["spatial_groupnorm_forward", "spatial_groupnorm_backward"]
BATCHNORMS = ["spatial_batchnorm_forward", "spatial_batchnorm_backward"]


@layers(
    *((0.1, name, ["float32 and float64"]) for name in [*CONVOLUTIONS, *POOLINGS, *GROUPNORMS]),
    *((0.05, name, ["float32 and float64"]) for name in BATCHNORMS),
    promise="precision",
)
def test_precision(student, rng, name, case):
    """{name} computes in the precision of its arguments: float32 of float32, all digits of float64 of float64"""
    arguments, dout = draw_for(rng, name)
    single = results(student, name, floats(arguments, np.float32), dout.astype(np.float32))
    double = results(student, name, arguments, dout)
    for value in double:
        expect(single[value], f"{value} of float32").to_have_dtype(np.float32)
        expect(double[value], f"{value} of float64").to_have_dtype(np.float64)
        expect(double[value], f"{value} of float64").to_have_digits_of_float64()
        expect(double[value], f"{value} of float64").to_be_computed_from(arguments[0], dout)


# that x is not modified is said of the two naive forward passes everywhere
@layers(
    (0.2, "conv_forward_naive", ["arguments"], ""),
    (0.2, "conv_backward_naive", ["arguments"]),
    (0.1, "max_pool_forward_naive", ["arguments"], ""),
    *((0.1, name, ["arguments"]) for name in [*CONVOLUTIONS[2:], *POOLINGS[1:], *GROUPNORMS]),
    *((0.05, name, ["arguments"]) for name in BATCHNORMS),
    promise="arguments",
)
def test_untouched(student, rng, name, case):
    """{name} leaves its {case} as they are, and what a cache holds too; each backward pass works by its cache"""
    arguments, dout = draw_for(rng, name)
    got = results(student, name, arguments, dout)
    for value, array in got.items():
        expect(array, value).to_be_computed_from(arguments[0], dout)
    expect_unchanged_arguments(function(student, name), but=("running_mean", "running_var"))
    if "backward" in name:
        forward = function(student, name.replace("backward", "forward"))
        expect_cache_to_serve(forward, function(student, name), arguments, dout, got)
