"""Odd answers in the place of right ones, each drawn anew; it lies in a package as a module and wraps its functions.

`KIND` says what kind of oddity, `SEED` which draws: two packages of one kind and two seeds differ in every byte that a
submission could choose, and in nothing else.
"""

import functools
import random
import sys

import numpy as np

KIND, SEED = "shape", 0
DRAWS = random.Random(SEED)
ERRORS = (ValueError, KeyError, ZeroDivisionError, RuntimeError, IndexError, TypeError, OSError, AttributeError)
INTEGERS = ("i4", "i8")  # others fail elsewhere, in what the package itself computes with them


def word():
    return "".join(DRAWS.choices("abcdefghijklmnopqrstuvwxyz", k=12))


def sides():
    return DRAWS.randint(41, 97), DRAWS.randint(41, 97)


def array(value):
    """An odd array in the place of an array, tensor or number."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return torch.from_numpy(array(value.detach().numpy()))
    value = np.asarray(value)
    if KIND == "shape":
        return np.zeros(sides())
    if KIND == "dtype":
        return np.ones(value.shape, DRAWS.choice(INTEGERS))
    if KIND == "not finite":
        return np.where(np.random.RandomState(DRAWS.randrange(2**31)).rand(*value.shape) < 2, np.nan, 0.0)
    pattern = np.random.RandomState(DRAWS.randrange(2**31)).standard_normal(value.shape)  # no multiple of the right one
    return value + DRAWS.uniform(2e3, 9e3) * (2 + np.tanh(pattern))


def module(value):
    """A network of odd layers."""
    torch = sys.modules["torch"]
    return torch.nn.Sequential(torch.nn.Linear(*sides()), torch.nn.Linear(*sides()))


def odd(value):
    torch = sys.modules.get("torch")
    if KIND == "raises":
        error = DRAWS.choice([*ERRORS, type(word(), (Exception,), {})])
        raise error(word())
    if KIND == "text":
        return word()
    if KIND == "class":
        return type(word(), (), {})()
    if KIND == "count":
        return (value,) * DRAWS.randint(11, 40)
    if KIND == "keys":
        return {word(): value for _ in range(DRAWS.randint(11, 40))}
    if isinstance(value, (tuple, list)):
        return type(value)(odd(item) for item in value)
    if isinstance(value, dict):
        return {key: odd(item) for key, item in value.items()}
    if torch is not None and isinstance(value, torch.nn.Module):
        return module(value)
    number = isinstance(value, (int, float, np.ndarray, np.generic))
    return array(value) if number or (torch is not None and isinstance(value, torch.Tensor)) else value


def spoil(self):
    """Makes an object odd that was just made: its parameters, or an exception in their stead."""
    if KIND in ("raises", "text", "class", "count"):
        raise DRAWS.choice(ERRORS)(word())
    if hasattr(self, "register_parameter"):
        torch = sys.modules["torch"]
        for _ in range(DRAWS.randint(11, 20)):
            self.register_parameter(word(), torch.nn.Parameter(torch.zeros(sides())))
    elif hasattr(self, "params"):
        names = [word() for _ in range(9)] if KIND == "keys" else self.params
        self.params = {name: np.zeros(sides()) for name in names}


def wrap(names, scope):
    """Replaces functions and methods of a module, `relu` or `Net.loss`, by odd ones."""
    for name in names:
        owner, _, method = name.rpartition(".")
        holder = scope[owner] if owner else None
        right = getattr(holder, method) if owner else scope[name]
        wrapped = _wrapped(right, method == "__init__")
        if owner:
            setattr(holder, method, wrapped)
        else:
            scope[name] = wrapped


def _wrapped(right, initializes):
    @functools.wraps(right)
    def wrapper(*arguments, **keywords):
        result = right(*arguments, **keywords)
        return spoil(arguments[0]) if initializes else odd(result)

    return wrapper
