"""Q1: fully connected layers, the softmax loss, the network made of them and the update rules."""

import math

import numpy as np

from grader.checks import expect, expect_unchanged_arguments, points
from tests.public.shared import (
    DIGITS,
    VALUE,
    build,
    draw_net,
    expect_cache_to_serve,
    expect_digits,
    expect_drawn_anew,
    expect_normal,
    make_net,
    plain,
    without_factor,
    worth,
)

INIT = "classifiers.fc_net.FullyConnectedNet.__init__"
LOSS = "classifiers.fc_net.FullyConnectedNet.loss"
HIDDEN = {2: (6,), 3: (6, 8)}
WEIGHTS, BIASES = ["W1", "W2", "W3"], ["b1", "b2", "b3"]
# where the bias is not the point it is zero, so that a forgotten bias costs nothing there
BATCHES = {"vectors": {}, "images": {"d": (2, 3, 4), "bias": 0.0}, "N=1": {"n": 1, "bias": 0.0}}
RESULTS = {
    "affine_forward": "out",
    "affine_backward": "dx dw db",
    "relu_forward": "out",
    "relu_backward": "dx",
    "softmax_loss": "loss dx",
}
# No number is one minus another, so that no exchange of two goes unseen; epsilon is so small that its place against
# the root does not matter.
CONFIGS = {
    "sgd_momentum": {"learning_rate": 0.3, "momentum": 0.6},
    "rmsprop": {"learning_rate": 0.2, "decay_rate": 0.7, "epsilon": 1e-12},
    "adam": {"learning_rate": 0.2, "beta1": 0.7, "beta2": 0.85, "epsilon": 1e-12},
}
STATES = {"sgd_momentum": ["velocity"], "rmsprop": ["cache"], "adam": ["m", "v"]}
# after so many steps Adam's bias correction is 1, in whatever order t is counted and used
LATE = {"sgd_momentum": {}, "rmsprop": {}, "adam": {"t": 400}}


def draw_arrays(rng, function, n=5, d=(6,), m=4, bias=1.0):
    """Returns what a layer's pass takes: of x (n, *d), w (prod d, m), b (m,), dout (n, m) or x's shape, y (n,)."""
    x = {"x": rng.randn(n, *d)}
    if function.startswith("relu"):
        return x | {"dout": rng.randn(n, *d)} if function == "relu_backward" else x
    if function == "softmax_loss":
        # no probability is so small that a rounding inside of the logarithm shows
        return {"x": rng.uniform(-2, 2, (n, m)), "y": rng.randint(m, size=n)}
    affine = x | {"w": rng.randn(math.prod(d), m), "b": bias * rng.randn(m)}
    return affine | {"dout": rng.randn(n, m)} if function == "affine_backward" else affine


def prepare(package, function, arrays):
    """Returns the arguments of a layer's pass; those of a backward pass are dout and the forward pass's cache."""
    if not function.endswith("backward"):
        return list(arrays.values())
    *inputs, dout = arrays.values()
    returned = getattr(package.layers, function.replace("backward", "forward"))(*inputs)
    _, cache = expect(returned, "out cache").unpack()
    return [dout, cache]


def results(package, function, arrays):
    """Returns a tuple of what a layer's pass returns, without its cache; judges how many values that are."""
    returned = getattr(package.layers, function)(*prepare(package, function, arrays))
    if function.endswith("forward"):
        returned, _ = expect(returned, "out cache").unpack()
    return expect(returned, RESULTS[function]).unpack()


@worth("case", {"vectors": 0.75, "images": 0.25, "N=1": 0.25}, "layers.affine_forward")
def test_affine_forward(student, reference, rng, case):
    """affine_forward returns xw + b, each sample of x flattened to a row, for {case}"""
    arrays = draw_arrays(rng, "affine_forward", **BATCHES[case])
    expected = results(reference, "affine_forward", arrays)
    expect(results(student, "affine_forward", arrays), "out").to_match(expected, rel=VALUE)


AFFINE_GRADIENTS = {("dx", "vectors"): 0.5, ("dw", "vectors"): 0.5, ("db", "vectors"): 0.25}


@worth("gradient, case", AFFINE_GRADIENTS | {("dx", "images"): 0.25, ("dw", "images"): 0.25}, "layers.affine_backward")
def test_affine_backward(student, reference, rng, gradient, case):
    """affine_backward returns the true gradient {gradient} for {case}"""
    arrays = draw_arrays(rng, "affine_backward", **BATCHES[case])
    expected = results(reference, "affine_backward", arrays)
    expect(results(student, "affine_backward", arrays), "dx dw db", only=gradient).to_match(expected, rel=VALUE)


@points(0.25, "layers.affine_backward")
def test_affine_backward_single_sample(student, reference, rng):
    """affine_backward returns the true gradients for a single sample"""
    arrays = draw_arrays(rng, "affine_backward", n=1)
    dx, dw, db = results(student, "affine_backward", arrays)
    expect((dx, dw, plain(db)), "dx dw db").to_match(results(reference, "affine_backward", arrays), rel=VALUE)


@worth("case", {"vectors": 0.5, "images": 0.25}, "layers.relu_forward")
def test_relu_forward(student, reference, rng, case):
    """relu_forward replaces the negative entries of x by 0 and keeps the others, for {case}"""
    arrays = draw_arrays(rng, "relu_forward", **BATCHES[case])
    arrays["x"] *= 10  # beyond where a ReLU with an upper bound ends
    expected = results(reference, "relu_forward", arrays)
    expect(results(student, "relu_forward", arrays), "out").to_match(expected, rel=VALUE)


@worth("case", {"vectors": 0.5, "images": 0.25}, "layers.relu_backward")
def test_relu_backward(student, reference, rng, case):
    """relu_backward lets dout through where x > 0 and nowhere else, for {case}"""
    arrays = draw_arrays(rng, "relu_backward", **BATCHES[case])
    expected = results(reference, "relu_backward", arrays)
    expect(results(student, "relu_backward", arrays), "dx").to_match(expected, rel=VALUE)


@points(0.25, "layers.relu_backward")
def test_relu_backward_at_zero(student, rng):
    """relu_backward returns a gradient of 0 where x is exactly 0"""
    x = np.zeros((3, 4))
    x[:, 0] = 1
    (dx,) = results(student, "relu_backward", {"x": x, "dout": rng.uniform(0.5, 1.5, (3, 4))})
    expect(dx, "dx").to_be_computed_from(x)
    expect(dx[:, 1:], "dx where x is 0").to_equal(np.zeros((3, 3)))


@worth("result", {"loss": 0.75, "dx": 0.75}, "layers.softmax_loss")
def test_softmax_loss(student, reference, rng, result):
    """softmax_loss returns the mean cross entropy as loss, and that mean's gradient as dx; here {result}"""
    arrays = draw_arrays(rng, "softmax_loss")
    loss, dx = results(student, "softmax_loss", arrays)
    expected = results(reference, "softmax_loss", arrays)
    expect((plain(loss), dx), "loss dx", only=result).to_match(expected, rel=VALUE)


def expect_unmoved(student, arrays, x):
    """Judges that softmax_loss gives the same answer for these scores x (N, C) as for those in the arrays.

    Classes beyond those of the arrays must have scores too low to matter.
    """
    answer = results(student, "softmax_loss", arrays)
    expect_dependence(student, arrays, answer)
    loss, dx = results(student, "softmax_loss", arrays | {"x": x})
    expected = np.pad(answer[1], ((0, 0), (0, x.shape[1] - arrays["x"].shape[1])))
    # scores of some thousands have three digits less after the point, with which they may be computed
    expect((loss, dx), "loss dx").to_match((answer[0], expected), rel=1e-3)


def expect_dependence(student, arrays, answer):
    """Judges that softmax_loss answers otherwise for other scores."""
    other = results(student, "softmax_loss", arrays | {"x": -arrays["x"]})
    for name, ours, theirs in zip(("loss", "dx"), answer, other, strict=True):
        expect(ours, name).to_be_finite()
        expect(ours, name).to_be(not np.array_equal(ours, theirs), "does not depend on the scores")


@points(0.25, "layers.softmax_loss")
def test_softmax_large_scores(student, rng):
    """softmax_loss does not change, nor become infinite or NaN, when all scores move to around 1000 or -1000"""
    arrays = draw_arrays(rng, "softmax_loss")
    for level in (1000, -1000):
        expect_unmoved(student, arrays, arrays["x"] + level)


@points(0.25, "layers.softmax_loss")
def test_softmax_single_sample(student, reference, rng):
    """softmax_loss returns the right loss and dx for a single sample"""
    arrays = draw_arrays(rng, "softmax_loss", n=1)
    arrays["y"] = 1 + arrays["y"] % 2  # of four classes, whose number the labels do not tell
    loss, dx = results(student, "softmax_loss", arrays)
    expect((plain(loss), dx), "loss dx").to_match(results(reference, "softmax_loss", arrays), rel=VALUE)


@points(0.25, "layers.softmax_loss")
def test_softmax_loss_is_a_scalar(student, rng):
    """softmax_loss returns the loss as one number, not as an array with axes"""
    arrays = draw_arrays(rng, "softmax_loss")
    loss, dx = results(student, "softmax_loss", arrays)
    expect_dependence(student, arrays, (loss, dx))
    expect(loss, "loss").to_have_shape(())


@worth("function", dict.fromkeys(RESULTS, 0.25), "layers.{}", promise="precision")
def test_precision(student, reference, rng, function):
    """{function} keeps the precision of its input: float32 stays float32, float64 keeps all its digits"""
    arrays = draw_arrays(rng, function, bias=0.0)
    if function.endswith("backward"):
        expect_digits(
            lambda dout: results(student, function, arrays | {"dout": dout}), RESULTS[function], rng, arrays["dout"]
        )
    else:
        arrays["x"] /= 4  # so an epsilon of 1e-10 in a logarithm is clearly above the tolerance, and one of 1e-12 below
        expected, got = (tuple(map(without_factor, results(side, function, arrays))) for side in (reference, student))
        expect(got, RESULTS[function]).to_match(expected, rel=DIGITS / 4)
    arrays = {name: array if name == "y" else array.astype(np.float32) for name, array in arrays.items()}
    for name, array in zip(RESULTS[function].split(), results(student, function, arrays), strict=True):
        if name != "loss":
            expect(array, name).to_have_dtype(np.float32)


@worth("function", dict.fromkeys(RESULTS, 0.25), "layers.{}", promise="arguments")
def test_arguments_are_left_as_they_are(student, rng, function):
    """{function} leaves the caller's arrays as they are, in values and shape; each backward pass works by its cache"""
    # an x of three axes shows a change of its shape, and a layer that forgets to flatten can still take this one
    arrays = draw_arrays(rng, function, **({"d": (1, 4)} if function.startswith("affine") else {}))
    got = dict(zip(RESULTS[function].split(), results(student, function, arrays), strict=True))
    *_, last = got
    expect(got[last], last).to_be_computed_from(*arrays.values())
    expect_unchanged_arguments(getattr(student.layers, function))
    if function.endswith("backward"):
        *inputs, dout = arrays.values()
        forward = getattr(student.layers, function.replace("backward", "forward"))
        expect_cache_to_serve(forward, getattr(student.layers, function), inputs, dout, got)


@points(0.25, INIT)
def test_net_has_its_parameters(student):
    """FullyConnectedNet with two hidden layers has the parameters W1, b1, W2, b2, W3 and b3, and keeps hidden_dims"""
    net = make_net(student)
    expect_drawn_weights(net)
    names = list(net.params)
    missing = [name for name in WEIGHTS + BIASES if name not in names]
    expect(names, "params").to_be(not missing, f"lacks {', '.join(missing)}")
    hidden = student.put([6, 8])
    student.classifiers.fc_net.FullyConnectedNet(hidden)
    expect(student.fetch(hidden), "hidden_dims of the caller, after __init__").to_equal([6, 8])


@points(0.25, INIT)
def test_net_has_no_other_parameters(student):
    """FullyConnectedNet without normalization has no parameters besides weights and biases"""
    net = make_net(student)
    expect_drawn_weights(net)
    others = [str(name) for name in net.params if name not in WEIGHTS + BIASES]
    expect(others, "params").to_be(not others, f"weights and biases only, not {others}")


def expect_drawn_weights(net):
    """Judges that the net has weights, of which the first are drawn."""
    expect(list(net.params), "params").to_be("W1" in net.params, "lacks W1")
    expect(net.params["W1"], "W1").to_be_computed_from()


def parameters(net, kind):
    """Returns those of the net's weights ("W") or biases ("b") that exist, by name; at least one must."""
    expect_drawn_weights(net)
    found = {name: net.params[name] for name in list(net.params) if name in WEIGHTS + BIASES and name.startswith(kind)}
    expect(found, "params").to_be(bool(found), f"lacks {kind}1")
    return found


@worth("kind", {"W": 0.25, "b": 0.25}, INIT)
def test_net_parameter_shapes(student, kind):
    """FullyConnectedNet gives {kind}1, {kind}2 and {kind}3 their shapes: W (inputs, outputs), b (outputs,)"""
    shapes = {"W1": (7, 6), "W2": (6, 8), "W3": (8, 4), "b1": (6,), "b2": (8,), "b3": (4,)}
    for name, value in parameters(make_net(student, (7, 6, 8, 4)), kind).items():
        expect(value, name).to_have_shape(shapes[name])


@worth("measure", {"mean": 0.25, "std": 0.25}, INIT)
def test_net_initial_weights(student, measure):
    """FullyConnectedNet draws its weights from N(0, weight_scale ** 2); here their {measure}"""
    weights, others = (parameters(make_net(student, (80, 90, 80, 90), weight_scale=0.05), "W") for _ in range(2))
    if measure == "mean":
        expect_normal(weights)
        expect_drawn_anew(weights, others)
    for name, value in weights.items():
        # each holds 7200 draws: these bounds are more than 8 and 12 standard errors away
        low, high = (-0.1 * np.std(value), 0.1 * np.std(value)) if measure == "mean" else (0.045, 0.055)
        expect(getattr(np, measure)(value), f"{measure} of {name}").to_lie_within(low, high)


@points(0.25, INIT)
def test_net_initial_biases(student):
    """FullyConnectedNet starts with all biases at 0"""
    for name, value in parameters(make_net(student), "b").items():
        expect(value, name).to_lie_within(0, 0)


@worth("dtype", {"float32": 0.25, "float64": 0.25}, INIT)
def test_net_dtype(student, dtype):
    """FullyConnectedNet has parameters of the dtype asked for, or else of float32; here {dtype}"""
    net = make_net(student, **({} if dtype == "float32" else {"dtype": student.library("numpy").float64}))
    for name, value in (parameters(net, "W") | parameters(net, "b")).items():
        expect(value, name).to_have_dtype(dtype)


@worth("layers", {2: 0.25, 3: 0.25}, LOSS)
def test_net_scores(student, reference, rng, layers):
    """FullyConnectedNet.loss without y returns the scores, in a net of {layers} layers"""
    X, _, params = draw_net(rng, HIDDEN[layers], bias=1.0)
    expect(build(student, params).loss(X), "scores").to_match(build(reference, params).loss(X), rel=VALUE)


@points(0.25, LOSS)
def test_net_takes_images(student, reference, rng):
    """FullyConnectedNet.loss takes images X (N, C, H, W)"""
    X, _, params = draw_net(rng, HIDDEN[2], d=(2, 3, 4))
    expect(build(student, params).loss(X), "scores").to_match(build(reference, params).loss(X), rel=VALUE)


@worth("layers", {2: 0.25, 3: 0.25}, LOSS)
def test_net_loss(student, reference, rng, layers):
    """FullyConnectedNet.loss returns the right loss, in a net of {layers} layers without regularization"""
    X, y, params = draw_net(rng, HIDDEN[layers])
    (loss, _), (expected, _) = (build(package, params).loss(X, y) for package in (student, reference))
    expect(plain(loss), "loss").to_match(expected, rel=VALUE)


NET_GRADIENTS = [(2, "W1,W2"), (2, "b1,b2"), (3, "W1,b1"), (3, "W2,b2"), (3, "W3,b3")]


@worth("layers, names", dict.fromkeys(NET_GRADIENTS, 0.25), LOSS)
def test_net_gradient(student, reference, rng, layers, names):
    """FullyConnectedNet.loss returns the true gradient of {names}, in a net of {layers} layers"""
    X, y, params = draw_net(rng, HIDDEN[layers])
    (_, grads), (_, expected) = (build(package, params).loss(X, y) for package in (student, reference))
    for name in names.split(","):
        expect(plain(grads[name]), f"grads['{name}']").to_match(expected[name], rel=VALUE)


@points(0.25, LOSS)
def test_net_gradient_names(student, rng):
    """FullyConnectedNet.loss returns one gradient for each parameter, under its name, and no others"""
    X, y, params = draw_net(rng, HIDDEN[3])
    _, grads = expect(build(student, params).loss(X, y), "loss grads").unpack()
    expect(sorted(grads), "names of the gradients").to_equal(sorted(params))
    for name in params:
        expect(grads[name], f"grads['{name}']").to_be_computed_from(params[name])


@points(0.25, LOSS, promise="precision")
def test_net_precision(student, reference, rng):
    """FullyConnectedNet.loss computes in net.dtype: float64 keeps all its digits, float32 gives float32 gradients"""
    X, y, params = draw_net(rng, HIDDEN[2])
    (loss, grads), (wanted, expected) = (build(package, params).loss(X, y) for package in (student, reference))
    expect(plain(loss), "loss").to_match(wanted, rel=DIGITS)
    for name in params:
        expect(without_factor(grads[name]), f"grads['{name}']").to_match(without_factor(expected[name]), rel=DIGITS)
    net = make_net(student, (7, 6, 4))
    net.params.update({name: value.astype(np.float32) for name, value in params.items()})
    _, grads = net.loss(X, y)
    for name in params:
        expect(grads[name], f"grads['{name}']").to_have_dtype(np.float32)


def penalty(package, params, X, y, reg):
    """Returns what reg adds to the loss of the package's net."""
    (loss, _), (bare, _) = (build(package, params, reg=strength).loss(X, y) for strength in (reg, 0.0))
    return plain(loss - bare)


@points(0.25, LOSS)
def test_net_regularized_loss(student, rng):
    """FullyConnectedNet.loss adds 0.5 * reg * the sum of the squares of all weights to the loss"""
    X, y, params = draw_net(rng, HIDDEN[3])
    expected = 0.5 * 0.7 * sum(np.sum(params[name] ** 2) for name in WEIGHTS)
    expect(penalty(student, params, X, y, reg=0.7), "loss added by reg").to_match(expected, rel=VALUE)


@points(0.25, LOSS)
def test_net_regularized_gradients(student, rng):
    """FullyConnectedNet.loss adds reg * W to the gradient of each weight matrix W"""
    X, y, params = draw_net(rng, HIDDEN[3])
    # so large that nobody clips a gradient unseen
    (_, grads), (_, bare) = (build(student, params, reg=reg).loss(X, y) for reg in (700.0, 0.0))
    for name in WEIGHTS:
        expect(grads[name] - bare[name], f"gradient of {name} added by reg").to_match(700 * params[name], rel=VALUE)


@points(0.25, LOSS)
def test_net_regularizes_no_biases(student, rng):
    """FullyConnectedNet.loss regularizes the weights only: reg adds nothing for the biases"""
    X, y, params = draw_net(rng, HIDDEN[3], bias=1.0)
    unbiased = {name: value if name in WEIGHTS else 0 * value for name, value in params.items()}
    expected = penalty(student, unbiased, X, y, reg=0.7)
    expect(expected, "loss added by reg").to_be(bool(np.any(expected)), "is 0")
    expect(penalty(student, params, X, y, reg=0.7), "loss added by reg").to_match(expected, rel=VALUE)
    (_, grads), (_, bare) = (build(student, params, reg=reg).loss(X, y) for reg in (0.7, 0.0))
    for name in BIASES:
        expect(grads[name], f"grads['{name}'] with reg").to_match(bare[name], rel=VALUE)


@points(0.25, LOSS)
def test_net_reads_reg_at_each_call(student, rng):
    """FullyConnectedNet.loss follows net.reg when it is changed after the net was made, and starts anew at each call"""
    X, y, params = draw_net(rng, HIDDEN[2])
    net = build(student, params)
    bare, _ = net.loss(X, y)
    net.reg = 0.7
    for call, samples in {"second": X, "third": -X}.items():
        (loss, grads), (expected, fresh) = net.loss(samples, y), build(student, params, reg=0.7).loss(samples, y)
        expect(loss, "loss").to_be(bool(np.any(loss != bare)), "does not change with net.reg")
        expect(plain(loss), f"loss of the {call} call").to_match(plain(expected), rel=VALUE)
        grads, fresh = student.fetch(grads), student.fetch(fresh)
        for name in [name for name in params if name in grads]:
            expect(grads[name], f"grads['{name}'] of the {call} call").to_match(fresh[name], rel=VALUE)


def draw_step(rng, shape=(3, 4)):
    """Returns w and dw of one shape; the entries of dw keep away from 0."""
    return rng.randn(*shape), rng.choice([-1, 1], shape) * rng.uniform(0.5, 1.5, shape)


def draw_config(rng, rule, shape=(3, 4)):
    """Returns a rule's config in the middle of a long training, its state of this shape."""
    return CONFIGS[rule] | LATE[rule] | {name: rng.uniform(0.5, 1.5, shape) for name in STATES[rule]}


@worth("rule", dict.fromkeys(CONFIGS, 0.5), "optim.{}")
def test_update(student, reference, rng, rule):
    """{rule} returns the right next_w, given all of its config"""
    (w, dw), config = draw_step(rng), draw_config(rng, rule)
    (next_w, _), (expected, _) = (getattr(package.optim, rule)(w, dw, config) for package in (student, reference))
    expect(next_w, "next_w").to_match(expected, rel=VALUE)


@worth("rule, key", {(rule, key): 0.25 for rule, keys in STATES.items() for key in keys}, "optim.{}")
def test_update_state(student, reference, rng, rule, key):
    """{rule} leaves the new {key} in the config it returns"""
    (w, dw), config = draw_step(rng), draw_config(rng, rule)
    (_, after), (_, expected) = (getattr(package.optim, rule)(w, dw, config) for package in (student, reference))
    stays = isinstance(after[key], (int, np.ndarray)) and np.array_equal(after[key], config[key])
    expect(after[key], f"config['{key}']").to_be(not stays, "is what it was before the step; is the new one stored?")
    expect(after[key], f"config['{key}']").to_match(expected[key], rel=VALUE)


def run_steps(package, rule, w, gradients, config):
    """Returns w and config after one step for each gradient, each with the config that the step before returned."""
    config = package.put(config)
    for dw in gradients:
        w, config = getattr(package.optim, rule)(w, dw, config)
    return w, config


@worth("rule", dict.fromkeys(CONFIGS, 0.25), "optim.{}")
def test_update_several_steps(student, reference, rng, rule):
    """{rule} makes four right steps in a row, to all digits, its state starting at zero and carried over in config"""
    # after a small gradient an average of squares falls, which no maximum over the steps does; the last one is so large
    # that nobody clips it unseen
    w, gradients = rng.randn(3, 4), [size * draw_step(rng)[1] for size in (1, 0.1, 0.1, 100)]
    settings = rule, w, gradients, CONFIGS[rule] | LATE[rule]
    (got, _), (expected, _) = (run_steps(package, *settings) for package in (student, reference))
    expect(got, "w after 4 steps").to_match(expected, rel=DIGITS)


@points(0.25, "optim.adam")
def test_adam_first_steps(student, reference, rng):
    """adam corrects the bias of both averages in its first steps, with t incremented before it is used"""
    w, gradients = rng.randn(3, 4), [draw_step(rng)[1] for _ in range(3)]
    settings = "adam", w, gradients, CONFIGS["adam"]
    (got, after), (expected, _) = (run_steps(package, *settings) for package in (student, reference))
    expect(got, "w after 3 steps").to_match(expected, rel=VALUE)
    expect(after["t"] + 0.0, "config['t'] after 3 steps").to_match(3.0, rel=VALUE)


@worth("rule", dict.fromkeys(CONFIGS, 0.25), "optim.{}")
def test_update_defaults(student, reference, rng, rule):
    """{rule} called without config makes a step, and returns a config with its default hyperparameters"""
    w, dw = draw_step(rng, (5,))  # as a bias has
    returned, (_, expected) = (getattr(package.optim, rule)(w, dw) for package in (student, reference))
    next_w, config = expect(returned, "next_w config").unpack()
    expect(next_w, "next_w").to_have_shape(w.shape)
    no_step = any(np.array_equal(next_w, array) for array in (w, dw, 0 * w))
    expect(next_w, "next_w").to_be(not no_step, "is w, dw or 0, so no step was made")
    for name in CONFIGS[rule]:
        expect(config[name], f"config['{name}']").to_equal(expected[name])


@worth("rule", dict.fromkeys(CONFIGS, 0.25), "optim.{}", promise="arguments")
def test_update_leaves_dw_as_it_is(student, rng, rule):
    """{rule} leaves the caller's gradient dw as it is"""
    (w, dw), config = draw_step(rng), draw_config(rng, rule)
    next_w, _ = expect(getattr(student.optim, rule)(w, dw, config), "next_w config").unpack()
    expect(next_w, "next_w").to_be_computed_from(w, dw)
    expect_unchanged_arguments(getattr(student.optim, rule), but=(0, 2))
