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

        # BEGIN SOLUTION
        dims = [input_dim, *hidden_dims, num_classes]
        for i in range(1, self.num_layers + 1):
            self.params[f"W{i}"] = weight_scale * np.random.randn(dims[i - 1], dims[i])
            self.params[f"b{i}"] = np.zeros(dims[i])
            if normalization and i < self.num_layers:
                self.params[f"gamma{i}"] = np.ones(dims[i])
                self.params[f"beta{i}"] = np.zeros(dims[i])
        # END SOLUTION

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

    # BEGIN SOLUTION
    def _hidden_forward(self, i, x):
        """Apply hidden layer i: affine, [normalization], ReLU, [dropout]."""
        norm_cache = dropout_cache = None
        a, fc_cache = affine_forward(x, self.params[f"W{i}"], self.params[f"b{i}"])
        if self.normalization:
            norm_forward = batchnorm_forward if self.normalization == "batchnorm" else layernorm_forward
            gamma, beta = self.params[f"gamma{i}"], self.params[f"beta{i}"]
            a, norm_cache = norm_forward(a, gamma, beta, self.bn_params[i - 1])
        h, relu_cache = relu_forward(a)
        if self.use_dropout:
            h, dropout_cache = dropout_forward(h, self.dropout_param)
        return h, (fc_cache, norm_cache, relu_cache, dropout_cache)

    def _hidden_backward(self, i, dh, cache, grads):
        """Backpropagate through hidden layer i: write its parameters' gradients into grads, return its input's."""
        fc_cache, norm_cache, relu_cache, dropout_cache = cache
        if self.use_dropout:
            dh = dropout_backward(dh, dropout_cache)
        da = relu_backward(dh, relu_cache)
        if self.normalization:
            norm_backward = batchnorm_backward_alt if self.normalization == "batchnorm" else layernorm_backward
            da, grads[f"gamma{i}"], grads[f"beta{i}"] = norm_backward(da, norm_cache)
        dx, grads[f"W{i}"], grads[f"b{i}"] = affine_backward(da, fc_cache)
        return dx

    # END SOLUTION
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

        # BEGIN SOLUTION
        L = self.num_layers
        h, caches = X, []
        for i in range(1, L):
            h, cache = self._hidden_forward(i, h)
            caches.append(cache)
        scores, last_cache = affine_forward(h, self.params[f"W{L}"], self.params[f"b{L}"])
        # END SOLUTION

        if mode == "test":
            return scores

        grads = {}
        # BEGIN SOLUTION
        loss, dscores = softmax_loss(scores, y)
        dh, grads[f"W{L}"], grads[f"b{L}"] = affine_backward(dscores, last_cache)
        for i in reversed(range(1, L)):
            dh = self._hidden_backward(i, dh, caches[i - 1], grads)
        for i in range(1, L + 1):
            W = self.params[f"W{i}"]
            loss += 0.5 * self.reg * np.sum(W**2)
            grads[f"W{i}"] += self.reg * W
        # END SOLUTION
        return loss, grads
