# Generated from reference/optim.py by "python -m grader stubs" (unedited: e45bd813371a)
"""Update rules: rule(w, dw, config=None) -> (next_w, config) makes one step of first-order optimization.

w is an array of parameters, dw the gradient of the loss with respect to it, of w's shape. config holds the rule's
hyperparameters and its state: missing keys are filled with their defaults, and the state after the step is stored.
The config that is returned holds all of this; it may be the dict that was given or a new one. dw is never modified.
A rule may update w and the state in place, so that next_w is w; those given here return a new array.
"""

import numpy as np


def sgd(w, dw, config=None):
    """Step down the gradient: w - learning_rate * dw (Robbins & Monro 1951).

    Keys of config: learning_rate, default 1e-2.
    """
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    next_w = w - config["learning_rate"] * dw
    return next_w, config


def sgd_momentum(w, dw, config=None):
    """Step along a velocity, a decaying sum of past steps of `sgd` (Polyak 1964; Sutskever et al. 2013, section 2).

    Keys of config:
      learning_rate   default 1e-2
      momentum        the part of the velocity kept from one step to the next, 0 to 1; default 0.9
      velocity        state, of w's shape, default zeros: what is ADDED to w, so it carries learning rate and minus sign
    """
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("momentum", 0.9)
    v = config.get("velocity", np.zeros_like(w))
    # Write sgd_momentum here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("optim.sgd_momentum")
    config["velocity"] = v
    return next_w, config


def rmsprop(w, dw, config=None):
    """Divide each entry's step by the root of a moving average of its squared gradients.

    Keys of config:
      learning_rate   default 1e-2
      decay_rate      weight of the old average, 0 to 1; default 0.99
      epsilon         added to the root, outside it; default 1e-8
      cache           state, of w's shape, default zeros: the moving average, this step's dw included
    Source: Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5.
    """
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("decay_rate", 0.99)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("cache", np.zeros_like(w))
    # Write rmsprop here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("optim.rmsprop")
    return next_w, config


def adam(w, dw, config=None):
    """Combine momentum and RMSProp, both corrected for their start at zero.

    Keys of config:
      learning_rate   default 1e-3
      beta1, beta2    weights of the old moving averages, 0 to 1; defaults 0.9 and 0.999
      epsilon         added to the root, outside it; default 1e-8
      m, v            state, of w's shape, default zeros: moving averages of dw and of dw ** 2, without the correction
      t               state, default 0: the number of steps made; incremented before it is used
    Source: Kingma & Ba 2015, algorithm 1.
    """
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-3)
    config.setdefault("beta1", 0.9)
    config.setdefault("beta2", 0.999)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("m", np.zeros_like(w))
    config.setdefault("v", np.zeros_like(w))
    config.setdefault("t", 0)
    # Write adam here; tests/public/test_q1_fully_connected.py judges it.
    raise NotImplementedError("optim.adam")
    return next_w, config
