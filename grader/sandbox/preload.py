"""Loads, before the first fork, what a library would otherwise load lazily in every worker."""

import gc
import sys


def load(libraries: list[str]) -> None:
    """Imports the named libraries and what they pull in at first use.

    So too the modules of the standard library that need a library of the system, which no worker can read.
    """
    import bz2  # noqa: F401
    import ctypes  # noqa: F401
    import hashlib  # noqa: F401
    import lzma  # noqa: F401
    import zlib  # noqa: F401

    import numpy.random  # noqa: F401

    if "torch" in libraries:
        _torch()


def freeze() -> None:
    """Sets the heap apart for forking: no collection touches it again."""
    gc.collect()
    gc.freeze()


def _torch() -> None:
    # the release candidate that Ubuntu 22.04 has for Python 3.11 is from before integers had a limit, which 0 says
    if not hasattr(sys, "get_int_max_str_digits"):
        sys.get_int_max_str_digits, sys.set_int_max_str_digits = lambda: 0, lambda maxdigits: None
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    loss = torch.nn.functional.cross_entropy(layer(torch.zeros(1, 1, 2, 2)), torch.zeros(1, dtype=torch.long))
    loss.backward()
    optimizer.step()
