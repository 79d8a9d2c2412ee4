"""A second look at what failed: the same check run again, on other packages, and what came of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ..sandbox.parent.proxy import Package
from .collect import State, Writer

Arguments = dict[str, Any]


@dataclass(frozen=True)
class SecondLook:
    """What came of a second look: whether the answer is right after all, and why or why not; empty where it had none.

    The sentence holds names of the assignment and of Python only, so that it is fit for every report.
    """

    right: bool = False
    sentence: str = ""


def arguments_of(item: pytest.Function) -> Arguments:
    """What the fixtures made for a check."""
    return {name: item.funcargs[name] for name in item._fixtureinfo.argnames}


def afresh(arguments: Arguments, state: State, **packages: Package) -> Arguments:
    """The arguments of a check with draws from the state's seed, and the worker it has now or else these packages."""
    fresh: Arguments = {"rng": np.random.RandomState(state.seed)}
    if state.worker is not None:
        fresh["student"] = state.worker.root()
    fresh |= packages
    fresh |= {name: value.rebound(state) for name, value in arguments.items() if isinstance(value, Writer)}
    return {name: fresh.get(name, value) for name, value in arguments.items()}
