"""The update rules walk the same path as PyTorch's optimizers, and keep their state in config alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import optim

OPTIMIZERS = {
    "sgd": lambda w, c: torch.optim.SGD([w], lr=c["learning_rate"]),
    "sgd_momentum": lambda w, c: torch.optim.SGD([w], lr=c["learning_rate"], momentum=c["momentum"]),
    "rmsprop": lambda w, c: torch.optim.RMSprop([w], lr=c["learning_rate"], alpha=c["decay_rate"], eps=c["epsilon"]),
    "adam": lambda w, c: torch.optim.Adam([w], lr=c["learning_rate"], betas=(c["beta1"], c["beta2"]), eps=c["epsilon"]),
}

# a large epsilon shows on which side of the root it is added
CONFIGS = {
    "sgd": {"learning_rate": 0.3},
    "sgd_momentum": {"learning_rate": 0.3, "momentum": 0.7},
    "rmsprop": {"learning_rate": 0.3, "decay_rate": 0.8, "epsilon": 0.1},
    "adam": {"learning_rate": 0.3, "beta1": 0.7, "beta2": 0.8, "epsilon": 0.1},
}

DEFAULTS = {
    "sgd": {"learning_rate": 1e-2},
    "sgd_momentum": {"learning_rate": 1e-2, "momentum": 0.9},
    "rmsprop": {"learning_rate": 1e-2, "decay_rate": 0.99, "epsilon": 1e-8},
    "adam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}

rules = pytest.mark.parametrize("name", OPTIMIZERS)


@rules
@pytest.mark.parametrize("given_config", [True, False])
def test_steps_are_those_of_torch(name, given_config):
    @settings(derandomize=True, deadline=None, max_examples=10)
    @given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=st.integers(0, 2**16))
    def agrees(shape, seed):
        rng = np.random.default_rng(seed)
        w = rng.standard_normal(shape)
        leaf = torch.tensor(w, requires_grad=True)
        optimizer = OPTIMIZERS[name](leaf, CONFIGS[name] if given_config else DEFAULTS[name])
        config = dict(CONFIGS[name]) if given_config else None
        for _ in range(4):
            dw = rng.standard_normal(shape)
            leaf.grad = torch.from_numpy(dw)
            optimizer.step()
            w, config = getattr(optim, name)(w, dw, config)
            assert np.abs(w - leaf.detach().numpy()).max() < 1e-12

    agrees()


@rules
def test_inputs_are_unmodified_and_config_is_the_same_dict(name):
    w, dw, config = np.ones((2, 3)), np.full((2, 3), 2.0), {}
    next_w, returned = getattr(optim, name)(w, dw, config)
    assert (w == 1).all() and (dw == 2).all() and next_w is not w and not np.shares_memory(w, next_w)
    assert returned is config
    assert DEFAULTS[name].items() <= config.items()


@rules
def test_state_arrays_of_an_earlier_step_are_unmodified(name):
    config = {}
    w, dw = np.ones(3), np.ones(3)
    getattr(optim, name)(w, dw, config)
    earlier = dict(config)
    copies = {key: np.copy(value) for key, value in config.items()}
    getattr(optim, name)(w, dw, config)
    assert all((np.asarray(earlier[key]) == copies[key]).all() for key in earlier)


@rules
def test_float32_stays_float32(name):
    w, config = np.ones(3, dtype=np.float32), None
    for _ in range(2):
        w, config = getattr(optim, name)(w, np.ones(3, dtype=np.float32), config)
    arrays = [w, *(value for value in config.values() if isinstance(value, np.ndarray))]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_state_keys():
    w = np.ones(2)
    states = {
        name: set(rule(w, w)[1]) - set(DEFAULTS[name]) for name, rule in ((n, getattr(optim, n)) for n in DEFAULTS)
    }
    assert states == {"sgd": set(), "sgd_momentum": {"velocity"}, "rmsprop": {"cache"}, "adam": {"m", "v", "t"}}
