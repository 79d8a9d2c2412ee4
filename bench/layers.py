"""How fast the layers of `reference` are, next to PyTorch and to the loops: `python -m bench.layers`."""

import time
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table

from reference import fast_layers, layers
from reference.classifiers.cnn import ThreeLayerConvNet
from reference.optim import sgd

# x, w, stride and pad of the convolution; window and stride of the pooling of the same x
SHAPES = {
    "A": ((100, 3, 31, 31), (25, 3, 3, 3), {"stride": 2, "pad": 1}, (3, 2)),
    "B": ((50, 3, 32, 32), (32, 3, 7, 7), {"stride": 1, "pad": 3}, (2, 2)),
    "C": ((32, 64, 32, 32), (64, 64, 3, 3), {"stride": 1, "pad": 1}, (2, 2)),
}
# the largest ratio to PyTorch, a geometric mean over the three shapes, that the fast convolution may have
CONVOLUTION_GOALS = {"float32": 1.5, "float64": 0.8}
REPEATS, NAIVE_REPEATS = 21, 5


def numpy_pass(forward, backward, arrays, param, dout):
    """Run a layer of ours forward and backward; returns out and the gradients."""
    out, cache = forward(*arrays, param)
    gradients = backward(dout, cache)
    return (out, *gradients) if isinstance(gradients, tuple) else (out, gradients)


def torch_pass(function, leaves, dout):
    """Run a function of PyTorch forward and backward; returns out and the gradients with respect to leaves."""
    out = function(*leaves)
    return (out.detach(), *torch.autograd.grad(out, leaves, dout))


def rivals(layer, shape, dtype):
    """Return {"fast", "naive", "torch"}: functions without arguments, one forward and backward pass of layer each."""
    x_shape, w_shape, param, (window, step) = SHAPES[shape]
    rng = np.random.default_rng(0)
    if layer == "conv":
        arrays = [rng.standard_normal(size).astype(dtype) for size in (x_shape, w_shape, w_shape[0])]
        function = partial(F.conv2d, stride=param["stride"], padding=param["pad"])
    else:
        arrays = [rng.standard_normal(x_shape).astype(dtype)]
        param = {"pool_height": window, "pool_width": window, "stride": step}
        function = partial(F.max_pool2d, kernel_size=window, stride=step)
    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    dout = rng.standard_normal(function(*leaves).shape).astype(dtype)
    passes = {"torch": partial(torch_pass, function, leaves, torch.from_numpy(dout))}
    for name, module in (("fast", fast_layers), ("naive", layers)):
        forward, backward = (getattr(module, f"{layer}_{way}_{name}") for way in ("forward", "backward"))
        passes[name] = partial(numpy_pass, forward, backward, arrays, param, dout)
    return passes


def training_steps():
    """Return a training step (loss, gradients, SGD) of the three-layer network in NumPy, and the same in PyTorch."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 3, 32, 32)).astype(np.float32), rng.integers(0, 10, 50)
    model = ThreeLayerConvNet()
    params = {name: torch.tensor(value, requires_grad=True) for name, value in model.params.items()}
    X_torch, y_torch = torch.from_numpy(X), torch.from_numpy(y)

    def numpy_step():
        loss, grads = model.loss(X, y)
        for name, grad in grads.items():
            model.params[name], _ = sgd(model.params[name], grad)
        return (loss,)

    def torch_step():
        W1, b1, W2, b2, W3, b3 = params.values()
        features = F.max_pool2d(F.relu(F.conv2d(X_torch, W1, b1, padding=3)), 2).flatten(1)
        loss = F.cross_entropy(F.relu(features @ W2 + b2) @ W3 + b3, y_torch)
        with torch.no_grad():
            for param, grad in zip(params.values(), torch.autograd.grad(loss, params.values())):
                param -= 1e-2 * grad
        return (loss.detach(),)

    return numpy_step, torch_step


def cpu_seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def race(one, other, repeats):
    """Return CPU seconds (repeats, 2) of one and other taking turns, the order changing, after both gave one answer."""
    for a, b in zip(one(), other(), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max(), "the rivals differ, so their times compare nothing"
    seconds = np.empty((repeats, 2))
    for i in range(repeats):
        for k in (0, 1) if i % 2 else (1, 0):
            seconds[i, k] = cpu_seconds((one, other)[k])
    return seconds


def summary(seconds):
    """Return the ratios of the columns of seconds: median of the pairs, lower and upper quartile, and of the minima."""
    low, median, high = np.quantile(seconds[:, 0] / seconds[:, 1], [0.25, 0.5, 0.75])
    return median, low, high, np.divide(*seconds.min(axis=0))


def add_row(table, what, where, figures, repeats, goal):
    median, low, high, least = figures
    spread = f"{low:.2f} to {high:.2f}"
    table.add_row(what, where, f"{median:.2f}", spread, f"{least:.2f}", str(repeats), goal, end_section=bool(goal))


def compare(table, layer, dtype, one, other, repeats, goal="none set"):
    """Add a row for each shape, and one, ABC, of their geometric means."""
    what, rows = f"{layer} {dtype}: {one} / {other}", []
    for shape in SHAPES:
        passes = rivals(layer, shape, dtype)
        rows.append(summary(race(passes[one], passes[other], repeats)))
        add_row(table, what, shape, rows[-1], repeats, "")
    add_row(table, what, "ABC", np.exp(np.log(rows).mean(axis=0)), repeats, goal)


def main():
    torch.set_num_threads(1)
    title = f"CPU time forward + backward, one thread, NumPy {np.__version__}, PyTorch {torch.__version__}"
    columns = "ratio of times", "shape", "median", "quartiles", "of minima", "repeats", "goal"
    table = Table(*columns, title=title, caption="shape ABC: geometric mean over the three")
    for layer in ("conv", "max_pool"):
        for dtype, goal in CONVOLUTION_GOALS.items():
            goals = (f"at most {goal}",) if layer == "conv" else ()
            compare(table, layer, dtype, "fast", "torch", REPEATS, *goals)
            compare(table, layer, dtype, "naive", "fast", NAIVE_REPEATS)
    figures = summary(race(*training_steps(), REPEATS))
    add_row(table, "three-layer net, SGD step: ours / torch", "", figures, REPEATS, "none set")
    Console(width=112).print(table)


if __name__ == "__main__":
    main()
