"""Q5: the three-layer convnet in PyTorch as a function, a module and a Sequential, and a training step, in float32."""

import math

import numpy as np
import pytest

from grader.checks import Tensor, expect, expect_unchanged_arguments, points
from tests.public.shared import expect_drawn_anew, expect_normal

NAMES = ("conv_w1", "conv_b1", "conv_w2", "conv_b2", "fc_w", "fc_b")


def draw_params(rng, channels=(2, 4, 5, 6), image=(6, 6), filters=((5, 5), (3, 3)), bias=0.0):
    """Returns arrays for NAMES; channels are (input, first, second, classes), biases normal times `bias`."""
    (kh1, kw1), (kh2, kw2) = filters
    features = channels[2] * (image[0] + 8 - kh1 - kh2) * (image[1] + 8 - kw1 - kw2)
    shapes = [(channels[1], channels[0], kh1, kw1), (channels[2], channels[1], kh2, kw2), (features, channels[3])]
    layers = zip(shapes, channels[1:], strict=True)
    return [array for shape, n in layers for array in (draw(rng, *shape), np.float32(bias) * draw(rng, n))]


def draw(rng, *shape):
    """Returns normal float32 numbers."""
    return rng.randn(*shape).astype(np.float32)


def draw_module(rng, bias=0.0):
    """Returns two images x (2, 3, 32, 32) and parameters, all of different shapes, for the channels (3, 4, 2, 5)."""
    return draw(rng, 2, 3, 32, 32), draw_params(rng, (3, 4, 2, 5), image=(32, 32), bias=bias)


def convnet(package, x, params):
    """Returns the scores of three_layer_convnet."""
    return package.pytorch_nets.three_layer_convnet(Tensor(x), [Tensor(p) for p in params])


def make_params(package, *given, **options):
    """Returns what three_layer_params makes, one by one, whether it comes in a list, a tuple or an nn.ParameterList."""
    returned = package.pytorch_nets.three_layer_params(*given, **options)
    params = list(returned)
    if any(isinstance(param, (str, int)) for param in params):  # the keys of a dict
        return expect(returned, " ".join(NAMES)).unpack()
    expect_all(params)
    return params


def expect_all(params):
    """Claims that there are as many params as names, and that none is None."""
    expect(params, "params").to_be(len(params) == len(NAMES), f"are {len(params)} tensors, expected {len(NAMES)}")
    empty = [name for name, param in zip(NAMES, params, strict=True) if param is None]
    expect(params, "params").to_be(not empty, f"hold None in place of {', '.join(empty)}")


def parameters_of(package, model):
    """Returns the module's parameters as arrays by name, in their order; one that has two names counts once."""
    return package.fetch(package.library("builtins").dict(model.named_parameters()))


def load(package, model, params):
    """Gives each parameter the array of its own shape, whatever its name and place; returns the model."""
    by_shape = {array.shape: Tensor(array) for p in params for array in (p, p.T)}
    state = {name: value.shape for name, value in parameters_of(package, model).items()}
    wanted, found = {p.size for p in params if p.ndim > 1}, {math.prod(shape) for shape in state.values()}
    expect(model, "parameters").to_be(
        set(state.values()) <= set(by_shape) and wanted <= found,
        f"have shapes {list(state.values())}, expected {[p.T.shape if p.ndim == 2 else p.shape for p in params]}",
    )
    model.load_state_dict({name: by_shape[shape] for name, shape in state.items()}, strict=False)
    return model


def weights_of(package, model):
    """Returns the module's weights by their number of axes: {4: both convolutions', 2: the fully connected layer's}."""
    arrays = list(parameters_of(package, model).values())
    weights = {axes: [array for array in arrays if array.ndim == axes] for axes in (4, 2)}
    counts = tuple(len(found) for found in weights.values())
    expect(model, "weights").to_be(counts == (2, 1), f"{counts} with 4 and with 2 axes, expected (2, 1)")
    return weights


def kaiming(weights):
    """Returns each weight's standard deviation over sqrt(2 / fan_in); fan_in is the longer side of a matrix here."""
    fan_in = [max(w.shape) if w.ndim == 2 else math.prod(w.shape[1:]) for w in weights]
    return np.array([w.std() / math.sqrt(2 / n) for w, n in zip(weights, fan_in, strict=True)])


def expect_kaiming(weights):
    """Claims that weights, 864 and more numbers each, are Kaiming normal and that each has draws of its own."""
    expect(kaiming(weights), "standard deviation over sqrt(2 / fan_in)").to_lie_within(0.8, 1.2)
    for w in weights:
        expect(w.mean() / w.std(), "mean of weights over their standard deviation").to_lie_within(-0.2, 0.2)
    expect_normal({f"weight {place}": w for place, w in enumerate(weights, start=1)})


def expect_drawn(weights):
    """Claims that no weight is one number over and over: what has no weights gets no dtype or bias wrong."""
    same = [np.ptp(np.asarray(weight)) == 0 for weight in weights]
    expect(weights, "weights").to_be(len(same) > 0 and not any(same), "are not drawn: all numbers of one are the same")


CHALLENGE_IMAGES, CHALLENGE_BATCH = 1000, 25


def challenge_scores(package, images, meter):
    """Returns the scores (N, 10) that the challenge's network with its weights gives images (N, 3, 32, 32) uint8.

    What the first batch takes counts once, since it warms up; the others count for all that are judged in grading.
    """

    def scores(batch):
        found = classify(package.keep(package.challenge.normalize, Tensor(batch)))
        expect(found, "scores").to_have_shape((len(batch), 10))
        return found

    first, *others = np.split(images, range(CHALLENGE_BATCH, len(images), CHALLENGE_BATCH))
    with meter.spending():
        # Without gradients a large network needs a third of the memory.
        classify = package.library("torch").no_grad()(package.challenge.load_model().eval())
        found = [scores(first)]
    with meter.spending(times=(CHALLENGE_IMAGES - len(first)) / (len(images) - len(first))):
        found += [scores(batch) for batch in others]
    return np.concatenate(found)


def draw_net(rng):
    """Returns a state dict for `put_net`."""
    shapes = {"0.weight": (5, 4), "0.bias": (5,), "2.weight": (3, 5), "2.bias": (3,)}
    return {name: draw(rng, *shape) for name, shape in shapes.items()}


def draw_batch(rng, n=6):
    """Returns x (n, 4), y (n,) for `put_net`."""
    return draw(rng, n, 4), rng.randint(3, size=n)


def put_net(package, state, layer="Tanh"):
    """Builds affine, tanh or another layer, affine in a worker; each acts on the last axis."""
    nn = package.library("torch").nn
    net = nn.Sequential(nn.Linear(4, 5), getattr(nn, layer)(), nn.Linear(5, 3))
    net.load_state_dict({name: Tensor(array) for name, array in state.items()})
    return net


def draw_layer(rng):
    """Returns a state dict for `optimize` and float64 inputs x (6, 4), so small that gradients are below weights."""
    return {"weight": rng.randn(3, 4), "bias": rng.randn(3)}, rng.randn(6, 4) / 10


def put_layer(package, state):
    """Builds an affine layer in a worker."""
    net = package.library("torch").nn.Linear(4, 3).double()
    net.load_state_dict({name: Tensor(array) for name, array in state.items()})
    return net


def optimize(package, net, x, **options):
    """Returns a net's state after build_optimizer's optimizer took two steps down the sum of its outputs."""
    optimizer = package.pytorch_nets.build_optimizer(net, **options)
    for _ in range(2):
        optimizer.zero_grad()
        package.keep(package.keep(net, Tensor(x)).sum).backward()
        optimizer.step()
    return package.fetch(net.state_dict())


def expect_moved(after, before):
    """Claims that a step changed every parameter."""
    still = [name for name, array in before.items() if np.array_equal(after[name], array)]
    expect(after, "parameters").to_be(not still, f"{', '.join(still)} stayed the same")


def train(package, net, batches, **options):
    """Takes a training step on each batch with SGD of these options; returns the losses and the final state dict."""
    # a rate that makes what is wrong with a gradient large against the parameters
    optimizer = package.library("torch").optim.SGD(net.parameters(), lr=0.5, **options)
    step = package.pytorch_nets.training_step
    losses = [step(net, optimizer, Tensor(x), Tensor(y)) for x, y in batches]
    return losses, package.fetch(net.state_dict())


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet(student, reference, rng):
    """three_layer_convnet returns the scores of conv, ReLU, conv, ReLU, fully connected"""
    x, params = draw(rng, 3, 2, 6, 6), draw_params(rng)
    expect(convnet(student, x, params), "scores").to_match(convnet(reference, x, params), rel=1e-4)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_dtype(student, reference, rng):
    """three_layer_convnet computes in the dtype of its arguments: float32, or float64 to all its digits"""
    x, params = draw(rng, 3, 2, 6, 6), draw_params(rng)
    expect(convnet(student, x, params), "scores").to_have_dtype("float32")
    x, params = np.float64(x), [np.float64(p) for p in params]
    expect(convnet(student, x, params), "scores").to_match(convnet(reference, x, params), rel=1e-10)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_shape(student, rng):
    """three_layer_convnet returns one row of scores per image, one column per class"""
    x = draw(rng, 3, 2, 6, 6)
    scores = convnet(student, x, draw_params(rng))
    expect(scores, "scores").to_have_shape((3, 6))
    expect(scores, "scores").to_be_computed_from(x)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_biases(student, reference, rng):
    """three_layer_convnet adds all three biases, each before its ReLU"""
    x, params = draw(rng, 3, 2, 6, 6), draw_params(rng, bias=5.0)
    expect(convnet(student, x, params), "scores").to_match(convnet(reference, x, params), rel=1e-4)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_non_square(student, reference, rng):
    """three_layer_convnet takes an image that is not square, in a batch of its own"""
    # twelve classes, so that the largest score, which a log of a softmax takes away, is far from 0 on any seed
    x, params = draw(rng, 1, 3, 5, 8), draw_params(rng, (3, 4, 2, 12), image=(5, 8))
    expect(convnet(student, x, params), "scores").to_match(convnet(reference, x, params), rel=1e-4)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_without_softmax(student, rng):
    """three_layer_convnet returns scores, not probabilities: twice the last weights make twice the scores"""
    x, params = draw(rng, 3, 2, 6, 6), draw_params(rng)
    doubled = [2 * p if name == "fc_w" else p for name, p in zip(NAMES, params, strict=True)]
    scores = convnet(student, x, params)
    expect(scores, "scores").to_be_computed_from(x)
    expect(convnet(student, x, doubled), "scores").to_match(2 * scores, rel=1e-4)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_leaves_its_inputs(student, rng):
    """three_layer_convnet changes neither the images nor the parameters"""
    x = draw(rng, 3, 2, 6, 6)
    expect(convnet(student, x, draw_params(rng, bias=1.0)), "scores").to_be_computed_from(x)
    expect_unchanged_arguments(student.pytorch_nets.three_layer_convnet)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_can_be_trained(student, rng):
    """three_layer_convnet keeps the graph, so that backward() finds the gradient of every weight"""
    # small scores: probabilities of large ones are 0 or 1, and have no gradient left that could tell anything
    params = [student.put(Tensor(0.1 * p, requires_grad=True)) for p in draw_params(rng)]
    scores = student.keep(student.pytorch_nets.three_layer_convnet, Tensor(draw(rng, 3, 2, 6, 6)), params)
    expect(scores, "scores").to_be(scores.requires_grad, "do not require a gradient; were they detached?")
    student.keep(student.keep(scores.select, 1, 0).sum).backward()  # one class: probabilities of all add up to 1
    gradients = {name: p.grad for name, p in zip(NAMES[::2], params[::2], strict=True)}
    without = [name for name, gradient in gradients.items() if gradient is None or not np.any(gradient)]
    expect(scores, "backward()").to_be(not without, f"finds no gradient of {', '.join(without)}, or zeros")


@points(0.25, "pytorch_nets.three_layer_params")
@pytest.mark.parametrize("given, size", [((), 32), ((8,), 8)], ids=["default", "image_size"])
def test_three_layer_params_shapes(student, given, size):
    """three_layer_params returns the six parameters in their order and shapes, for images of {size}x{size} pixels"""
    channels = 2 if given else 3
    shapes = [(4, channels, 5, 5), (4,), (5, 4, 3, 3), (5,), (5 * size * size, 6), (6,)]
    params = make_params(student, channels, 4, 5, 6, *given)
    for name, param, shape in zip(NAMES, params, shapes, strict=True):
        expect(param, name).to_have_shape(shape)


@points(0.25, "pytorch_nets.three_layer_params")
@pytest.mark.parametrize("layer", ["conv", "fc"])
def test_three_layer_params_kaiming(student, layer):
    """three_layer_params draws the {layer} weights from a normal distribution of standard deviation sqrt(2 / fan_in)"""
    drawn, again = (make_params(student, 3, 16, 6, 10) for _ in range(2))
    expect_kaiming({"conv": [drawn[0], drawn[2]], "fc": [drawn[4]]}[layer])
    if layer == "conv":
        expect_drawn_anew({"conv_w1": drawn[0]}, {"conv_w1": again[0]})


@points(0.25, "pytorch_nets.three_layer_params")
def test_three_layer_params_zero_biases(student):
    """three_layer_params makes biases of zeros, and draws the weights"""
    params = make_params(student, 3, 4, 5, 6, image_size=8)
    expect_drawn(params[::2])
    for name, param in zip(NAMES[1::2], params[1::2], strict=True):
        expect(param, name).to_lie_within(0, 0)


@points(0.25, "pytorch_nets.three_layer_params")
def test_three_layer_params_collect_gradients(student):
    """three_layer_params returns leaf tensors with requires_grad set, which collect gradients, here of float64"""
    double = student.library("torch").float64  # to convert a leaf makes a tensor that is none
    python, operator = student.library("builtins"), student.library("operator")
    returned = student.keep(student.pytorch_nets.three_layer_params, 3, 4, 5, 6, 8, "cpu", double)
    params = student.keep(python.list, returned)
    expect_all(python.list(params))
    expect_drawn(python.list(params)[::2])
    for flag in ("requires_grad", "is_leaf"):
        flags = list(python.list(python.map(operator.attrgetter(flag), params)))
        expect(flags, flag).to_be(flags == [True] * len(NAMES), f"is {flags} for {', '.join(NAMES)}")


@points(0.25, "pytorch_nets.three_layer_params")
def test_three_layer_params_dtype(student):
    """three_layer_params makes all parameters of the dtype and on the device it is given, float32 if no dtype is"""
    for dtype, given in {"float32": {}, "float64": {"dtype": student.library("torch").float64}}.items():
        params = make_params(student, 3, 4, 5, 6, 8, **given)
        expect_drawn(params[::2])
        for name, param in zip(NAMES, params, strict=True):
            expect(param, name).to_have_dtype(dtype)
    # every machine has the device that holds no numbers
    params = student.keep(student.pytorch_nets.three_layer_params, 3, 4, 5, 6, 8, "meta")
    python, operator = student.library("builtins"), student.library("operator")
    devices = list(python.list(python.map(operator.attrgetter("device.type"), params)))
    expect(devices, "devices").to_be(devices == ["meta"] * len(NAMES), f"are {devices} for {', '.join(NAMES)}")


@points(0.25, "pytorch_nets.ThreeLayerConvNet.__init__")
def test_module_shapes(student, rng):
    """ThreeLayerConvNet registers weights and biases of its three layers in order, as parameters of right shapes"""
    params = draw_params(rng, (2, 4, 3, 5), image=(32, 32))
    model = student.pytorch_nets.ThreeLayerConvNet(2, 4, 3, 5)
    found = [value.shape for value in parameters_of(student, model).values()]
    wanted = [p.T.shape if p.ndim == 2 else p.shape for p in params]
    got, expected = ([sorted(shape) for shape in shapes] for shapes in (found, wanted))
    expect(model, "parameters").to_be(sorted(got) == sorted(expected), f"have shapes {found}, expected {wanted}")
    expect(model, "parameters").to_be(got == expected, f"stand in another order: {found}, expected {wanted}")


@points(0.25, "pytorch_nets.ThreeLayerConvNet.__init__")
@pytest.mark.parametrize("layer", ["conv", "fc"])
def test_module_kaiming(student, layer):
    """ThreeLayerConvNet draws its {layer} weights from a normal distribution of standard deviation sqrt(2 / fan_in)"""
    drawn, again = (weights_of(student, student.pytorch_nets.ThreeLayerConvNet(3, 16, 6, 10)) for _ in range(2))
    expect_kaiming(drawn[{"conv": 4, "fc": 2}[layer]])
    if layer == "conv":
        expect_drawn_anew({"first weight": drawn[4][0]}, {"first weight": again[4][0]})


@points(0.25, "pytorch_nets.ThreeLayerConvNet.__init__")
def test_module_zero_biases(student):
    """ThreeLayerConvNet starts with biases of zeros, and with weights that are drawn"""
    state = parameters_of(student, student.pytorch_nets.ThreeLayerConvNet(3, 4, 2, 5))
    expect_drawn([value for value in state.values() if value.ndim > 1])
    biases = [value for value in state.values() if value.ndim == 1]
    expect(biases, "biases").to_be(len(biases) == 3, f"are {len(biases)}, expected 3")
    expect(np.concatenate(biases), "biases").to_lie_within(0, 0)


@points(0.25, "pytorch_nets.ThreeLayerConvNet.forward")
@pytest.mark.parametrize("biases, bias", [("zero", 0.0), ("any", 5.0)], ids=["zero_biases", "any_biases"])
def test_module_forward(student, reference, rng, biases, bias):
    """ThreeLayerConvNet computes the scores of conv, ReLU, conv, ReLU, fully connected, with {biases} biases"""
    x, params = draw_module(rng, bias)
    model = load(student, student.pytorch_nets.ThreeLayerConvNet(3, 4, 2, 5), params)
    scores = convnet(reference, x, params)
    expect(model(Tensor(x)), "scores").to_match(scores, rel=1e-4)
    if biases == "any":
        expect(model.eval()(Tensor(x[:1])), "scores of one image in eval mode").to_match(scores[:1], rel=1e-4)


@points(0.25, "pytorch_nets.build_sequential")
def test_build_sequential_type(student):
    """build_sequential returns an nn.Sequential"""
    model = student.pytorch_nets.build_sequential(3, 4, 2, 5)
    expect_drawn(list(parameters_of(student, model).values()))
    right = student.library("builtins").isinstance(model, student.library("torch").nn.Sequential)
    expect(model, "model").to_be(right, f"is {model!r}, expected an nn.Sequential")


@points(0.25, "pytorch_nets.build_sequential")
def test_build_sequential(student, reference, rng):
    """build_sequential computes the same scores as three_layer_convnet with the same parameters"""
    x, params = draw(rng, 2, 1, 32, 32), draw_params(rng, (1, 4, 2, 5), image=(32, 32), bias=1.0)
    model = load(student, student.pytorch_nets.build_sequential(1, 4, 2, 5), params)
    expect(model(Tensor(x)), "scores").to_match(convnet(reference, x, params), rel=1e-4)


@points(0.25, "pytorch_nets.build_sequential")
def test_build_sequential_initialization(student):
    """build_sequential keeps PyTorch's default initialization, of standard deviation sqrt(1 / (3 fan_in))"""
    weights, others = (weights_of(student, student.pytorch_nets.build_sequential(3, 16, 6, 10)) for _ in range(2))
    ratios = kaiming(weights[4] + weights[2]) * math.sqrt(6)
    expect(ratios, "standard deviation over sqrt(1 / (3 fan_in))").to_lie_within(0.8, 1.2)
    expect_drawn_anew({"last weight": weights[2][0]}, {"last weight": others[2][0]})


@points(0.25, "pytorch_nets.build_optimizer")
def test_build_optimizer_without_momentum(student, reference, rng):
    """build_optimizer with momentum 0 takes plain gradient steps of the given learning_rate"""
    (state, x), options = draw_layer(rng), {"learning_rate": 0.3, "momentum": 0}
    packages = (student, reference)
    got, expected = (optimize(package, put_layer(package, state), x, **options)["weight"] for package in packages)
    expect(got, "weights after two steps").to_match(expected, rel=1e-5)


@points(0.25, "pytorch_nets.build_optimizer")
def test_build_optimizer_nesterov(student, reference, rng):
    """build_optimizer uses Nesterov momentum, of the given strength"""
    (state, x), options = draw_layer(rng), {"learning_rate": 1e-2, "momentum": 0.7}
    packages = (student, reference)
    got, expected = (optimize(package, put_layer(package, state), x, **options)["weight"] for package in packages)
    # the weights themselves would hide a weight decay, which is small beside them
    expect(got - state["weight"], "what two steps add to the weights").to_match(expected - state["weight"], rel=1e-5)


@points(0.25, "pytorch_nets.build_optimizer")
def test_build_optimizer_covers_all_parameters(student, rng):
    """build_optimizer moves every weight and every bias of the model"""
    state, (x, _) = draw_net(rng), draw_batch(rng)
    expect_moved(optimize(student, put_net(student, state), x), state)


@points(0.25, "pytorch_nets.build_optimizer")
def test_build_optimizer_defaults(student, rng):
    """build_optimizer has the defaults learning_rate 0.01 and momentum 0.9"""
    groups = student.fetch(student.pytorch_nets.build_optimizer(put_net(student, draw_net(rng))).param_groups)
    found = {(group.get("lr"), group.get("momentum")) for group in groups}
    expect(groups, "(learning rate, momentum)").to_be(found == {(0.01, 0.9)}, f"{found}, expected (0.01, 0.9)")


@points(0.25, "pytorch_nets.training_step")
def test_training_step_loss(student, reference, rng):
    """training_step returns the mean cross entropy of the minibatch before the step"""
    state, batch = draw_net(rng), draw_batch(rng)
    (got,), (expected,) = (train(package, put_net(package, state), [batch])[0] for package in (student, reference))
    expect(got, "loss").to_match(expected, rel=1e-5)


@points(0.25, "pytorch_nets.training_step")
def test_training_step_returns_a_number(student, rng):
    """training_step returns the loss as a Python float, not as a tensor"""
    losses, _ = train(student, put_net(student, draw_net(rng)), [draw_batch(rng), draw_batch(rng, 1)])
    right = all(isinstance(loss, float) for loss in losses)
    expect(losses[0], "loss").to_be(right, "is no Python float; loss.item() makes one of a tensor")
    expect(losses[0], "loss").to_be(losses[0] != losses[1], "is the same whatever the minibatch")


@points(0.25, "pytorch_nets.training_step")
@pytest.mark.parametrize("steps", [1, 3])
def test_training_step(student, reference, rng, steps):
    """training_step moves the parameters down the gradient of its own minibatch alone, {steps} times in a row"""
    state, batches, layer = draw_net(rng), [draw_batch(rng) for _ in range(steps)], "Tanh"
    if steps == 1:  # large inputs of an affine layer have gradients that nobody clips unseen
        state["2.weight"], batches, layer = state["2.weight"] / 20, [(30 * x, y) for x, y in batches], "Identity"
    got, expected = (train(package, put_net(package, state, layer), batches)[1] for package in (student, reference))
    expect(tuple(got.values()), " ".join(state)).to_match(tuple(expected.values()), rel=1e-5)


@points(0.25, "pytorch_nets.training_step")
def test_training_step_train_mode(student, rng):
    """training_step puts the model in train mode, in which dropout draws anew each time"""
    state = draw_net(rng)
    net = put_net(student, state).eval()
    batch = draw_batch(rng)
    _, after = train(student, net, [batch])
    expect(net, "model").to_be(net.training, "is in eval mode after the step, expected train mode")
    expect_moved(after, state)
    # dropout makes the loss another one where it is at work
    nets = [put_net(student, state, layer).eval() for layer in ("Dropout", "Dropout", "Identity")]
    (loss,), (again,), (plain,) = (train(student, net, [batch])[0] for net in nets)
    late, seeded = "is that of eval mode; is train() called too late?", "repeats; is the generator seeded in each step?"
    expect(loss, "loss of a model with dropout").to_be(loss != plain, late, brief=late)
    expect(again, "loss of a model with dropout").to_be(loss != again, seeded, brief=seeded)


@points(0.25, "pytorch_nets.training_step")
def test_training_step_leaves_the_minibatch(student, rng):
    """training_step gives its minibatch to the model once, as it is, and changes neither inputs nor labels"""
    state, (x, y), nn = draw_net(rng), draw_batch(rng), student.library("torch").nn
    # the first layer counts the minibatches that it sees, and takes no gradient from a bias before it; the last one
    # makes three scores of each of two rows
    net = nn.Sequential(nn.BatchNorm1d(2), put_net(student, state), nn.Flatten(1))
    after = train(student, net, [(x.reshape(3, 2, 4), y[:3])])[1]
    expect_moved(after, {f"1.{name}": array for name, array in state.items()})
    times = int(after["0.num_batches_tracked"])
    why = f"{times} times; batch normalization counts each, and moves its running statistics"
    expect(times, "model").to_be(times <= 1, f"sees the minibatch {why}", "sees the minibatch more than once")
    expect_unchanged_arguments(student.pytorch_nets.training_step, but=(0, 1))


@points(0.5, "challenge.build_model")
def test_challenge_weights_fit(student, rng, budget):
    """challenge.pt holds weights for build_model(), which gives each image ten finite scores, in any batch"""
    images = rng.randint(0, 256, (3 * CHALLENGE_BATCH + 1, 3, 32, 32)).astype(np.uint8)  # the last one is alone
    expect(challenge_scores(student, images, budget("challenge", student)), "scores").to_be_finite()
