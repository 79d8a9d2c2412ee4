"""Answers of the right shape and no content; a real function says which shape that is."""

import functools
import sys

import numpy as np


def answer(function, name, kind):
    """Replaces a function of the assignment by one that returns zeros, or its input where that has the right shape."""
    make = _SPECIAL.get(name.rsplit(".", 1)[-1], _plain)
    return functools.wraps(function)(make(function, kind))


def _plain(function, kind):
    def trivial(*arguments, **keywords):
        result = function(*[_copy(argument) for argument in arguments], **keywords)
        values = list(result) if isinstance(result, tuple) else [result]
        last = len(values)
        if function.__name__.endswith("_forward") or "_forward_" in function.__name__:
            last = 1  # then the cache
        if "config" in function.__code__.co_varnames[: function.__code__.co_argcount]:
            last, values[1] = 1, {}
        values[:last] = [
            _empty(value, arguments[min(place, len(arguments) - 1)], kind) for place, value in enumerate(values[:last])
        ]
        return tuple(values) if isinstance(result, tuple) else values[0]

    return trivial


def _copy(value):
    return dict(value) if isinstance(value, dict) else value


def _empty(value, argument, kind):
    """Zeros like a value, or the argument in its place where that has its shape."""
    if kind == "identity" and getattr(argument, "shape", None) == getattr(value, "shape", ()):
        return argument
    if np.isscalar(value):
        return 0.0 * value
    return value * 0


def _init(function, kind):
    def trivial(self, *arguments, **keywords):
        function(self, *arguments, **keywords)
        if hasattr(self, "params"):
            self.params.clear()
        else:
            self.classes = arguments[-1]
            self._modules.clear()

    return trivial


def _loss(function, kind):
    def trivial(self, X, y=None):
        last = max(name for name in self.params if name.startswith("b") and name[1:].isdigit())
        if y is None:
            return np.zeros((len(X), len(self.params[last])), self.dtype)
        return 0.0, {name: np.zeros_like(value) for name, value in self.params.items()}

    return trivial


def _module_forward(function, kind):
    return lambda self, x: x.new_zeros(len(x), self.classes)


def _torch():
    return sys.modules["torch"]


_SPECIAL = {
    "__init__": _init,
    "loss": _loss,
    "forward": _module_forward,
    "build_sequential": lambda function, kind: lambda *arguments: _torch().nn.Sequential(),
    "build_optimizer": lambda function, kind: (
        lambda model, learning_rate=1e-2, momentum=0.9: _torch().optim.SGD(
            [_torch().zeros(1, requires_grad=True)], lr=0.0
        )
    ),
    "build_model": lambda function, kind: lambda: _torch().nn.Sequential(),
    "training_step": lambda function, kind: lambda model, optimizer, x, y: 0.0,
    "make_fooling_image": lambda function, kind: lambda X, target_y, model: X.clone() if kind == "identity" else X * 0,
    "class_visualization_update_step": lambda function, kind: lambda img, *arguments: None,
}
