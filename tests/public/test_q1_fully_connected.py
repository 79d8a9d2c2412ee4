"""Q1: fully connected layers, the softmax loss, the network made of them and the update rules."""

import math
from itertools import pairwise

import numpy as np
import pytest

from grader.checks import expect, points

INIT = "classifiers.fc_net.FullyConnectedNet.__init__"
LOSS = "classifiers.fc_net.FullyConnectedNet.loss"
HIDDEN = {2: (6,), 3: (6, 8)}
NAMES = ["W1", "b1", "W2", "b2", "W3", "b3"]

# so small an epsilon that its place against the root does not matter
CONFIGS = {
    "sgd_momentum": {"learning_rate": 0.3, "momentum": 0.7},
    "rmsprop": {"learning_rate": 0.2, "decay_rate": 0.8, "epsilon": 1e-12},
    "adam": {"learning_rate": 0.2, "beta1": 0.7, "beta2": 0.8, "epsilon": 1e-12},
}
STATES = {"sgd_momentum": ["velocity"], "rmsprop": ["cache"], "adam": ["m", "v"]}
# so many steps that Adam's bias correction is 1, in whatever order t is counted and used
LATE = {"sgd_momentum": {}, "rmsprop": {}, "adam": {"t": 400}}


def draw_affine(rng, n=3, d=(4,), m=5):
    """Returns x (n, *d), w (prod d, m), b (m,), dout (n, m)."""
    return rng.randn(n, *d), rng.randn(math.prod(d), m), rng.randn(m), rng.randn(n, m)


def draw_scores(rng, n=4, c=5):
    """Returns scores x (n, c) of moderate size and labels y (n,)."""
    return 2 * rng.randn(n, c), rng.randint(c, size=n)


def draw_net(rng, hidden, d=(7,), n=5, classes=4, biases=1.0):
    """Returns X (n, *d), y (n,) and params: W1 (prod d, hidden[0]), b1 (hidden[0],) and so on to the classes."""
    params = {}
    for i, (rows, columns) in enumerate(pairwise([math.prod(d), *hidden, classes]), start=1):
        params[f"W{i}"], params[f"b{i}"] = rng.randn(rows, columns) / math.sqrt(rows), biases * rng.randn(columns)
    return rng.randn(n, *d), rng.randint(classes, size=n), params


def build(package, params, **options):
    """Returns the package's net of type float64 with exactly these params, whatever it draws for itself."""
    widths = [value.size for name, value in params.items() if name.startswith("b")]
    sizes = {"input_dim": len(params["W1"]), "num_classes": widths[-1], "dtype": package.library("numpy").float64}
    net = package.classifiers.fc_net.FullyConnectedNet(widths[:-1], **sizes, **options)
    own = net.params
    for name, value in params.items():
        own[name] = value
    return net


def draw_step(rng, shape=(3, 4)):
    """Returns w and dw of one shape; the entries of dw keep away from 0."""
    return rng.randn(*shape), rng.choice([-1, 1], shape) * rng.uniform(0.5, 1.5, shape)


def draw_config(rng, rule, shape=(3, 4)):
    """Returns a rule's config in the middle of a long training."""
    return CONFIGS[rule] | LATE[rule] | {name: rng.uniform(0.5, 1.5, shape) for name in STATES[rule]}


def each_rule(value):
    """Parametrizes a check over the update rules, each worth this value."""
    cases = [pytest.param(rule, marks=points(value, f"optim.{rule}")) for rule in CONFIGS]
    return pytest.mark.parametrize("rule", cases)


def plain(value):
    """Returns an array without its axes of length 1, for values whose shape is a claim of another check."""
    return np.squeeze(value) if isinstance(value, np.ndarray) else value


def place(package, **arrays):
    """Puts arrays into the package's worker, where a call may change them."""
    return {name: package.put(array) for name, array in arrays.items()}


def look(package, placed):
    """Returns what placed arrays hold now, in their order."""
    return tuple(package.fetch(array) for array in placed.values())


@points(0.75, "layers.affine_forward")
def test_affine_forward(student, reference, rng):
    """affine_forward returns xw + b"""
    x, w, b, _ = draw_affine(rng)
    (out, _), (expected, _) = (package.layers.affine_forward(x, w, b) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=1e-9)


@points(0.25, "layers.affine_forward")
def test_affine_forward_4d(student, reference, rng):
    """affine_forward flattens each image of x (N, C, H, W) to one row"""
    x, w, b, _ = draw_affine(rng, d=(2, 3, 4))
    (out, _), (expected, _) = (package.layers.affine_forward(x, w, b) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=1e-9)


@points(0.25, "layers.affine_forward")
def test_affine_forward_single_sample(student, reference, rng):
    """affine_forward works for a single sample, and out keeps its shape (1, M)"""
    x, w, b, _ = draw_affine(rng, n=1)
    (out, _), (expected, _) = (package.layers.affine_forward(x, w, b) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=1e-9)


@points(0.25, "layers.affine_forward")
def test_affine_forward_float32(student, rng):
    """affine_forward keeps float32: no silent blow-up to float64"""
    out, _ = student.layers.affine_forward(*(array.astype(np.float32) for array in draw_affine(rng)[:3]))
    expect(out, "out").to_have_dtype(np.float32)


@points(0.25, "layers.affine_forward")
def test_affine_forward_leaves_its_input(student, rng):
    """affine_forward leaves the caller's x, w and b as they are, values and shape"""
    x, w, b, _ = draw_affine(rng, d=(2, 3))
    placed = place(student, x=x, w=w, b=b)
    student.layers.affine_forward(*placed.values())
    expect(look(student, placed), "x w b").to_equal((x, w, b))


def affine_gradients(package, x, w, b, dout):
    """Returns dx, dw, db of the package's affine layer."""
    _, cache = package.layers.affine_forward(x, w, b)
    return package.layers.affine_backward(dout, cache)


@points(0.5, "layers.affine_backward")
@pytest.mark.parametrize("gradient", ["dx", "dw"])
def test_affine_backward(student, reference, rng, gradient):
    """affine_backward returns the true gradient {gradient}"""
    drawn = draw_affine(rng)
    expected = affine_gradients(reference, *drawn)
    expect(affine_gradients(student, *drawn), "dx dw db", only=gradient).to_match(expected, rel=1e-9)


@points(0.25, "layers.affine_backward")
def test_affine_backward_db(student, reference, rng):
    """affine_backward returns the true gradient db, of shape (M,)"""
    drawn = draw_affine(rng)
    expected = affine_gradients(reference, *drawn)
    expect(affine_gradients(student, *drawn), "dx dw db", only="db").to_match(expected, rel=1e-9)


@points(0.25, "layers.affine_backward")
@pytest.mark.parametrize("gradient", ["dx", "dw"])
def test_affine_backward_4d(student, reference, rng, gradient):
    """affine_backward returns the true gradient {gradient} for images x (N, C, H, W)"""
    drawn = draw_affine(rng, d=(2, 3, 4))
    expected = affine_gradients(reference, *drawn)
    expect(affine_gradients(student, *drawn), "dx dw db", only=gradient).to_match(expected, rel=1e-9)


@points(0.25, "layers.affine_backward")
def test_affine_backward_single_sample(student, reference, rng):
    """affine_backward returns the true gradients for a single sample"""
    drawn = draw_affine(rng, n=1)
    dx, dw, db = affine_gradients(student, *drawn)
    expected = affine_gradients(reference, *drawn)
    expect((dx, dw, plain(db)), "dx dw db").to_match(tuple(expected), rel=1e-9)


@points(0.25, "layers.affine_backward")
def test_affine_backward_float32(student, rng):
    """affine_backward keeps float32 in all three gradients"""
    gradients = affine_gradients(student, *(array.astype(np.float32) for array in draw_affine(rng)))
    for name, gradient in zip(["dx", "dw", "db"], gradients, strict=True):
        expect(gradient, name).to_have_dtype(np.float32)


@points(0.25, "layers.affine_backward")
def test_affine_backward_leaves_its_input(student, rng):
    """affine_backward leaves dout, and the x, w and b of the forward pass, as they are"""
    x, w, b, dout = draw_affine(rng)
    placed = place(student, x=x, w=w, b=b, dout=dout)
    _, cache = student.layers.affine_forward(placed["x"], placed["w"], placed["b"])
    before = look(student, placed)
    student.layers.affine_backward(placed["dout"], cache)
    expect(look(student, placed), "x w b dout").to_equal(before)


@pytest.mark.parametrize(
    "axes", [pytest.param(2, marks=points(0.5, "layers.relu_forward")), pytest.param(4, marks=points(0.25, "layers.relu_forward"))]
)
def test_relu_forward(student, reference, rng, axes):
    """relu_forward replaces the negative entries by 0, for x with {axes} axes"""
    x = rng.randn(*(4, 5, 3, 2)[:axes])
    (out, _), (expected, _) = (package.layers.relu_forward(x) for package in (student, reference))
    expect(out, "out").to_match(expected, rel=1e-12)


@points(0.25, "layers.relu_forward")
def test_relu_forward_float32(student, rng):
    """relu_forward keeps float32"""
    out, _ = student.layers.relu_forward(rng.randn(4, 5).astype(np.float32))
    expect(out, "out").to_have_dtype(np.float32)


@points(0.25, "layers.relu_forward")
def test_relu_forward_leaves_its_input(student, rng):
    """relu_forward leaves the caller's x as it is: it does not work in place"""
    x = rng.randn(4, 5)
    placed = place(student, x=x)
    student.layers.relu_forward(placed["x"])
    expect(look(student, placed), "x").to_equal((x,))


def relu_gradient(package, x, dout):
    """Returns dx of the package's ReLU."""
    _, cache = package.layers.relu_forward(x)
    return package.layers.relu_backward(dout, cache)


@pytest.mark.parametrize(
    "axes", [pytest.param(2, marks=points(0.5, "layers.relu_backward")), pytest.param(4, marks=points(0.25, "layers.relu_backward"))]
)
def test_relu_backward(student, reference, rng, axes):
    """relu_backward lets dout through where x > 0 and nowhere else, for x with {axes} axes"""
    x, dout = rng.randn(2, *(4, 5, 3, 2)[:axes])
    expect(relu_gradient(student, x, dout), "dx").to_match(relu_gradient(reference, x, dout), rel=1e-12)


@points(0.25, "layers.relu_backward")
def test_relu_backward_at_zero(student, rng):
    """relu_backward returns a gradient of 0 where x is exactly 0"""
    dout = rng.uniform(0.5, 1.5, (4, 5))
    expect(relu_gradient(student, np.zeros((4, 5)), dout), "dx").to_equal(np.zeros((4, 5)))


@points(0.25, "layers.relu_backward")
def test_relu_backward_float32(student, rng):
    """relu_backward keeps float32"""
    x, dout = rng.randn(2, 4, 5).astype(np.float32)
    expect(relu_gradient(student, x, dout), "dx").to_have_dtype(np.float32)


@points(0.25, "layers.relu_backward")
def test_relu_backward_leaves_its_input(student, rng):
    """relu_backward leaves dout, and the x of the forward pass, as they are"""
    x, dout = rng.randn(2, 4, 5)
    placed = place(student, x=x, dout=dout)
    _, cache = student.layers.relu_forward(placed["x"])
    before = look(student, placed)
    student.layers.relu_backward(placed["dout"], cache)
    expect(look(student, placed), "x dout").to_equal(before)


@points(0.75, "layers.softmax_loss")
def test_softmax_loss(student, reference, rng):
    """softmax_loss returns the cross entropy, averaged over the samples"""
    x, y = draw_scores(rng)
    (loss, _), (expected, _) = (package.layers.softmax_loss(x, y) for package in (student, reference))
    expect(plain(loss), "loss").to_match(expected, rel=1e-9)


@points(0.75, "layers.softmax_loss")
def test_softmax_gradient(student, reference, rng):
    """softmax_loss returns the gradient dx of the averaged loss"""
    x, y = draw_scores(rng)
    expected = reference.layers.softmax_loss(x, y)
    expect(student.layers.softmax_loss(x, y), "loss dx", only="dx").to_match(expected, rel=1e-9)


@points(0.25, "layers.softmax_loss")
@pytest.mark.parametrize("level", [1000, -1000])
def test_softmax_large_scores(student, reference, rng, level):
    """softmax_loss is right, not infinite or NaN, for scores around {level}"""
    x, y = draw_scores(rng)
    loss, dx = student.layers.softmax_loss(x + level, y)
    expect((plain(loss), dx), "loss dx").to_match(tuple(reference.layers.softmax_loss(x + level, y)), rel=1e-8)


@points(0.25, "layers.softmax_loss")
def test_softmax_single_sample(student, reference, rng):
    """softmax_loss returns the right loss and dx for a single sample"""
    x, y = draw_scores(rng, n=1)
    loss, dx = student.layers.softmax_loss(x, y)
    expect((plain(loss), dx), "loss dx").to_match(tuple(reference.layers.softmax_loss(x, y)), rel=1e-9)


@points(0.25, "layers.softmax_loss")
def test_softmax_loss_is_a_scalar(student, rng):
    """softmax_loss returns the loss as one number, not as an array with axes"""
    loss, _ = student.layers.softmax_loss(*draw_scores(rng))
    expect(loss, "loss").to_have_shape(())


@points(0.25, "layers.softmax_loss")
def test_softmax_float32(student, rng):
    """softmax_loss keeps float32 in dx"""
    x, y = draw_scores(rng)
    _, dx = student.layers.softmax_loss(x.astype(np.float32), y)
    expect(dx, "dx").to_have_dtype(np.float32)


@points(0.25, "layers.softmax_loss")
def test_softmax_leaves_its_input(student, rng):
    """softmax_loss leaves the caller's scores and labels as they are"""
    x, y = draw_scores(rng)
    placed = place(student, x=x, y=y)
    student.layers.softmax_loss(*placed.values())
    expect(look(student, placed), "x y").to_equal((x, y))


@points(0.25, INIT)
def test_net_has_its_parameters(student):
    """FullyConnectedNet with two hidden layers has the parameters W1, b1, W2, b2, W3 and b3"""
    net = student.classifiers.fc_net.FullyConnectedNet([6, 8], input_dim=7, num_classes=4)
    missing = [name for name in NAMES if name not in list(net.params)]
    expect(net.params, "params").to_be(not missing, f"lacks {', '.join(missing)}")


@points(0.25, INIT)
def test_net_has_no_other_parameters(student):
    """FullyConnectedNet without normalization has no parameters besides weights and biases"""
    net = student.classifiers.fc_net.FullyConnectedNet([6, 8], input_dim=7, num_classes=4)
    names = list(net.params)
    others = [str(name) for name in names if name not in NAMES]
    expect(names, "params").to_be(bool(names) and not others, f"expected weights and biases only, got {others or 'nothing'}")


@points(0.25, INIT)
@pytest.mark.parametrize("kind", ["W", "b"])
def test_net_parameter_shapes(student, kind):
    """FullyConnectedNet gives {kind}1, {kind}2 and {kind}3 their shapes: W (inputs, outputs), b (outputs,)"""
    net = student.classifiers.fc_net.FullyConnectedNet([6, 8], input_dim=7, num_classes=4)
    for i, (rows, columns) in enumerate(pairwise([7, 6, 8, 4]), start=1):
        expect(net.params[f"{kind}{i}"], f"{kind}{i}").to_have_shape((rows, columns) if kind == "W" else (columns,))


@points(0.25, INIT)
@pytest.mark.parametrize("statistic", ["mean", "spread"])
def test_net_initial_weights(student, statistic):
    """FullyConnectedNet draws its weights with mean 0 and standard deviation weight_scale; here the {statistic}"""
    net = student.classifiers.fc_net.FullyConnectedNet([90, 80], input_dim=80, num_classes=90, weight_scale=0.05)
    for name in ["W1", "W2", "W3"]:
        # over 7200 draws these bounds are more than 8 and 12 standard errors away
        if statistic == "mean":
            expect(np.mean(net.params[name]), f"mean of {name}").to_lie_within(-0.005, 0.005)
        else:
            expect(np.std(net.params[name]), f"standard deviation of {name}").to_lie_within(0.045, 0.055)


@points(0.25, INIT)
def test_net_initial_biases(student):
    """FullyConnectedNet starts with all biases at 0"""
    net = student.classifiers.fc_net.FullyConnectedNet([6, 8], input_dim=7, num_classes=4)
    for name in ["b1", "b2", "b3"]:
        expect(net.params[name], name).to_lie_within(0, 0)


@points(0.25, INIT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_net_dtype(student, dtype):
    """FullyConnectedNet has parameters of the dtype asked for, or else of float32; here {dtype}"""
    options = {} if dtype == "float32" else {"dtype": student.library("numpy").float64}
    net = student.classifiers.fc_net.FullyConnectedNet([6], input_dim=7, num_classes=4, **options)
    for name in list(net.params):
        expect(net.params[name], name).to_have_dtype(dtype)


@points(0.25, LOSS)
@pytest.mark.parametrize("layers", [2, 3])
def test_net_scores(student, reference, rng, layers):
    """FullyConnectedNet.loss without y returns the scores, in a net of {layers} layers"""
    X, _, params = draw_net(rng, HIDDEN[layers])
    expect(build(student, params).loss(X), "scores").to_match(build(reference, params).loss(X), rel=1e-8)


@points(0.25, LOSS)
@pytest.mark.parametrize("layers", [2, 3])
def test_net_loss(student, reference, rng, layers):
    """FullyConnectedNet.loss returns the right loss, in a net of {layers} layers without regularization"""
    X, y, params = draw_net(rng, HIDDEN[layers])
    (loss, _), (expected, _) = (build(package, params).loss(X, y) for package in (student, reference))
    expect(plain(loss), "loss").to_match(expected, rel=1e-8)


@points(0.25, LOSS)
@pytest.mark.parametrize("kind", ["W", "b"])
def test_net_gradients_of_two_layers(student, reference, rng, kind):
    """FullyConnectedNet.loss returns the true gradients of {kind}1 and {kind}2, in a net of 2 layers"""
    X, y, params = draw_net(rng, HIDDEN[2])
    (_, grads), (_, expected) = (build(package, params).loss(X, y) for package in (student, reference))
    for name in [f"{kind}1", f"{kind}2"]:
        expect(plain(grads[name]), f"grads['{name}']").to_match(expected[name], rel=1e-8)


@points(0.25, LOSS)
@pytest.mark.parametrize("name", NAMES)
def test_net_gradient_of_three_layers(student, reference, rng, name):
    """FullyConnectedNet.loss returns the true gradient of {name}, in a net of 3 layers"""
    X, y, params = draw_net(rng, HIDDEN[3])
    (_, grads), (_, expected) = (build(package, params).loss(X, y) for package in (student, reference))
    expect(plain(grads[name]), f"grads['{name}']").to_match(expected[name], rel=1e-8)


@points(0.25, LOSS)
def test_net_gradient_names(student, rng):
    """FullyConnectedNet.loss returns one gradient for each parameter, under its name, and no others"""
    X, y, params = draw_net(rng, HIDDEN[3])
    _, grads = build(student, params).loss(X, y)
    expect(sorted(grads), "names of the gradients").to_equal(sorted(params))


@points(0.25, LOSS)
def test_net_takes_images(student, reference, rng):
    """FullyConnectedNet.loss takes images X (N, C, H, W)"""
    X, _, params = draw_net(rng, HIDDEN[2], d=(2, 3, 4))
    expect(build(student, params).loss(X), "scores").to_match(build(reference, params).loss(X), rel=1e-8)


def penalty(package, params, X, y, reg):
    """Returns what reg adds to the loss of the package's net."""
    (loss, _), (bare, _) = (build(package, params, reg=strength).loss(X, y) for strength in (reg, 0.0))
    return plain(loss - bare)


@points(0.25, LOSS)
def test_net_regularized_loss(student, rng):
    """FullyConnectedNet.loss adds 0.5 * reg * the sum of the squares of all weights to the loss"""
    X, y, params = draw_net(rng, HIDDEN[3], biases=0.0)
    expected = 0.5 * 0.7 * sum(np.sum(params[name] ** 2) for name in ["W1", "W2", "W3"])
    expect(penalty(student, params, X, y, reg=0.7), "loss added by reg").to_match(expected, rel=1e-8)


@points(0.25, LOSS)
def test_net_regularized_gradients(student, rng):
    """FullyConnectedNet.loss adds reg * W to the gradient of each weight matrix W"""
    X, y, params = draw_net(rng, HIDDEN[3])
    (_, grads), (_, bare) = (build(student, params, reg=reg).loss(X, y) for reg in (0.7, 0.0))
    for name in ["W1", "W2", "W3"]:
        expect(grads[name] - bare[name], f"gradient of {name} added by reg").to_match(0.7 * params[name], rel=1e-8)


@points(0.25, LOSS)
def test_net_regularizes_no_biases(student, rng):
    """FullyConnectedNet.loss regularizes the weights only: biases add nothing to it, nor to their gradients"""
    X, y, params = draw_net(rng, HIDDEN[3])
    unbiased = {name: value if name.startswith("W") else 0 * value for name, value in params.items()}
    expected = penalty(student, unbiased, X, y, reg=0.7)
    expect(penalty(student, params, X, y, reg=0.7), "loss added by reg").to_match(expected, rel=1e-8)
    (_, grads), (_, bare) = (build(student, params, reg=reg).loss(X, y) for reg in (0.7, 0.0))
    for name in ["b1", "b2", "b3"]:
        expect(grads[name], f"grads['{name}'] with reg").to_match(bare[name], rel=1e-8)


@points(0.25, LOSS)
def test_net_reads_reg_at_each_call(student, rng):
    """FullyConnectedNet.loss follows net.reg when it is changed after the net was made"""
    X, y, params = draw_net(rng, HIDDEN[2])
    net = build(student, params)
    net.reg = 0.7
    (loss, _), (expected, _) = net.loss(X, y), build(student, params, reg=0.7).loss(X, y)
    expect(loss, "loss").to_match(expected, rel=1e-9)


@each_rule(0.5)
def test_update(student, reference, rng, rule):
    """{rule} returns the right next_w, with all of its config given"""
    (w, dw), config = draw_step(rng), draw_config(rng, rule)
    (next_w, _), (expected, _) = (getattr(package.optim, rule)(w, dw, config) for package in (student, reference))
    expect(next_w, "next_w").to_match(expected, rel=1e-7)


STATE_CASES = [
    pytest.param(rule, key, marks=points(0.25, f"optim.{rule}")) for rule, keys in STATES.items() for key in keys
]


@pytest.mark.parametrize("rule, key", STATE_CASES)
def test_update_state(student, reference, rng, rule, key):
    """{rule} leaves the new {key} in the config it returns"""
    (w, dw), config = draw_step(rng), draw_config(rng, rule)
    (_, after), (_, expected) = (getattr(package.optim, rule)(w, dw, config) for package in (student, reference))
    expect(after[key], f"config['{key}']").to_match(expected[key], rel=1e-9)


def run_steps(package, rule, w, gradients, config):
    """Returns w after one step for each gradient, each with the config that the step before returned."""
    config = package.put(config)
    for dw in gradients:
        w, config = getattr(package.optim, rule)(w, dw, config)
    return w


@each_rule(0.25)
def test_update_several_steps(student, reference, rng, rule):
    """{rule} makes three right steps in a row, its state starting at zero and carried over in config"""
    w, gradients = rng.randn(3, 4), [draw_step(rng)[1] for _ in range(3)]
    settings = rule, w, gradients, CONFIGS[rule] | LATE[rule]
    expect(run_steps(student, *settings), "w after 3 steps").to_match(run_steps(reference, *settings), rel=1e-7)


@each_rule(0.25)
def test_update_defaults(student, reference, rng, rule):
    """{rule} called without config fills in its default hyperparameters and returns them in config"""
    (_, config), (_, expected) = (getattr(package.optim, rule)(*draw_step(rng)) for package in (student, reference))
    for name in CONFIGS[rule]:
        expect(config[name], f"config['{name}']").to_equal(expected[name])


@points(0.25, "optim.adam")
def test_adam_first_steps(student, reference, rng):
    """adam corrects the bias of both averages in its first steps, with t incremented before it is used"""
    w, gradients = rng.randn(3, 4), [draw_step(rng)[1] for _ in range(3)]
    settings = "adam", w, gradients, CONFIGS["adam"]
    expect(run_steps(student, *settings), "w after 3 steps").to_match(run_steps(reference, *settings), rel=1e-7)
