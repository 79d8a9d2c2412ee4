# Generated from reference/classifiers/fc_net.py by "python -m grader stubs" (unedited: 1021237a89c7)
"""A fully connected network of any depth, with optional normalization and dropout."""

import numpy as np

# every layer, compound ones of your own too; a notebook takes them all from a network's module
from ..layer_utils import *


class FullyConnectedNet:
    """A classifier {affine - [normalization] - ReLU - [dropout]} x (L - 1) - affine - softmax; [...] is optional.

    params holds W1 ... WL (inputs, outputs) and b1 ... bL (outputs,); with normalization also gamma1 ... gamma{L-1} and
    beta1 ... beta{L-1}, of their layer's width. Other attributes, read by `loss` at each call: reg, dtype,
    num_layers = L, normalization, use_dropout; dropout_param, one dict shared by all dropout layers; bn_params, the
    list of the L - 1 normalization layers' dicts, empty without normalization.
    """

    def __init__(
        self,
        hidden_dims,
        input_dim=3 * 32 * 32,
        num_classes=10,
        dropout_keep_ratio=1,
        normalization=None,
        reg=0.0,
        weight_scale=1e-2,
        dtype=np.float32,
        seed=None,
    ):
        """Draw the weights from N(0, weight_scale ** 2), W1 first; biases and betas start at 0, gammas at 1.

        hidden_dims          list of the L - 1 hidden layers' widths
        input_dim            entries in a sample: D
        num_classes          C
        dropout_keep_ratio   probability of keeping a unit; 1 means no dropout at all
        normalization        None, 'batchnorm' or 'layernorm'; before each ReLU, never after the last affine layer
        reg                  strength of the L2 regularization of the weights
        weight_scale         standard deviation of the initial weights
        dtype                type of all arithmetic; np.float64 for numeric gradient checks
        seed                 seed of every dropout layer, for gradient checks: each then draws the same mask in every
                             call, and layers of equal width share one mask; None for training

        Raises ValueError on any other normalization.
        """
        if normalization not in (None, "batchnorm", "layernorm"):
            raise ValueError(f"normalization is {normalization!r}; it must be None, 'batchnorm' or 'layernorm'")
        self.normalization = normalization
        self.use_dropout = dropout_keep_ratio != 1
        self.reg = reg
        self.num_layers = 1 + len(hidden_dims)
        self.dtype = dtype
        self.params = {}

        # Write __init__ here; tests/public/test_q1_fully_connected.py judges it.
        raise NotImplementedError("classifiers.fc_net.FullyConnectedNet.__init__")

        self.dropout_param = {}
        if self.use_dropout:
            self.dropout_param = {"mode": "train", "p": dropout_keep_ratio}
            if seed is not None:
                self.dropout_param["seed"] = seed

        self.bn_params = []
        if normalization == "batchnorm":
            self.bn_params = [{"mode": "train"} for _ in hidden_dims]
        elif normalization == "layernorm":
            self.bn_params = [{} for _ in hidden_dims]

        for name, value in self.params.items():
            self.params[name] = value.astype(dtype)

    def loss(self, X, y=None):
        """Compute the class scores, or the loss and its gradients.

        Shapes: X (N, d_1, ..., d_k), cast to dtype; y (N,) integer labels, or None.
        Without y run in test mode and return scores (N, C). With y run in train mode and return (loss, grads): the mean
        cross entropy plus 0.5 * reg * the sum of the squares of all weights W1 ... WL (biases, gammas and betas are not
        regularized), and the gradients of that loss, keyed and shaped like params.
        """
        X = X.astype(self.dtype, copy=False)
        mode = "test" if y is None else "train"
        if self.use_dropout:
            self.dropout_param["mode"] = mode
        for bn_param in self.bn_params:
            bn_param["mode"] = mode

        # Write loss here; tests/public/test_q1_fully_connected.py judges it.
        raise NotImplementedError("classifiers.fc_net.FullyConnectedNet.loss")

        if mode == "test":
            return scores

        grads = {}
        # Write loss here; tests/public/test_q1_fully_connected.py judges it.
        raise NotImplementedError("classifiers.fc_net.FullyConnectedNet.loss")
        return loss, grads
