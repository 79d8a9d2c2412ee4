"""Q5, hidden: other filter sizes, gradients through the module, stale gradients and other optimizers."""

from grader.checks import Tensor, expect, points
from tests.hidden.challenge_images import accuracy, challenge
from tests.public.test_q5_pytorch import (
    challenge_scores,
    convnet,
    draw,
    draw_batch,
    draw_module,
    draw_net,
    draw_params,
    load,
    put_net,
    train,
)


@points(0.25, "pytorch_nets.three_layer_convnet")
def test_three_layer_convnet_filter_sizes(student, reference, rng):
    """three_layer_convnet pads by 2 and then by 1, whatever the sizes of the filters"""
    x, params = draw(rng, 2, 1, 6, 6), draw_params(rng, (1, 3, 4, 2), filters=((3, 6), (5, 2)))
    expect(convnet(student, x, params), "scores").to_match(convnet(reference, x, params), rel=1e-4)


@points(0.25, "pytorch_nets.ThreeLayerConvNet.forward")
def test_module_can_be_trained(student, rng):
    """ThreeLayerConvNet passes gradients back to every one of its parameters"""
    x, params = draw_module(rng)
    model = load(student, student.pytorch_nets.ThreeLayerConvNet(3, 4, 2, 5), params)
    scores = student.keep(model, Tensor(x))
    expect(scores, "scores").to_be(scores.requires_grad, "do not require a gradient; were they detached?")
    student.keep(student.keep(scores.select, 1, 0).sum).backward()  # one class: probabilities of all add up to 1
    python, gradient = student.library("builtins"), student.library("operator").attrgetter("grad")
    without = [value is None for value in python.list(python.map(gradient, model.parameters()))].count(True)
    expect(scores, "backward()").to_be(not without, f"finds no gradient of {without} of the parameters")


@points(0.25, "pytorch_nets.training_step")
def test_training_step_stale_gradients(student, reference, rng):
    """training_step is not misled by gradients that the parameters held before its first step"""
    state, batch = draw_net(rng), draw_batch(rng)

    def trained(package):
        net = put_net(package, state)
        package.keep(package.keep(net, Tensor(batch[0])).sum).backward()
        return tuple(train(package, net, [batch])[1].values())

    expect(trained(student), " ".join(state)).to_match(trained(reference), rel=1e-5)


@points(0.25, "pytorch_nets.training_step")
def test_training_step_uses_the_optimizer(student, reference, rng):
    """training_step leaves the update to the optimizer it is given, with Nesterov momentum for one"""
    state, batch, options = draw_net(rng), draw_batch(rng), {"momentum": 0.8, "nesterov": True}
    packages = (student, reference)
    got, expected = (tuple(train(p, put_net(p, state), [batch], **options)[1].values()) for p in packages)
    expect(got, " ".join(state)).to_match(expected, rel=1e-5)


@points(2, "challenge.build_model", once=True)
def test_challenge_accuracy(student, scale, budget):
    """the challenge's network classifies images it has not seen"""
    judged = challenge()
    scores = challenge_scores(student, judged.images, budget("challenge", student))
    scale(judged.scale, accuracy(scores, judged.labels))
