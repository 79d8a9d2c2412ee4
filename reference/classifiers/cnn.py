"""A convolutional network of three layers."""

import numpy as np

# every layer, compound ones of your own too; a notebook takes them all from a network's module
from ..layer_utils import *


class ThreeLayerConvNet:
    """A classifier conv - ReLU - 2x2 max pool - affine - ReLU - affine - softmax for images (N, C, H, W), H and W even.

    params holds W1 (F, C, filter_size, filter_size) and b1 (F,), W2 (F * H/2 * W/2, hidden_dim) and b2 (hidden_dim,),
    W3 (hidden_dim, num_classes) and b3 (num_classes,). The convolution keeps the image's size, by stride 1 and zeros
    padded around it; so filter_size is odd. reg and dtype are attributes that `loss` reads at each call.
    """

    def __init__(
        self,
        input_dim=(3, 32, 32),
        num_filters=32,
        filter_size=7,
        hidden_dim=100,
        num_classes=10,
        weight_scale=1e-3,
        reg=0.0,
        dtype=np.float32,
    ):
        """Draw the weights from N(0, weight_scale ** 2), W1 first; biases start at 0.

        input_dim      (C, H, W) of an image
        num_filters    F
        filter_size    height and width of a filter in pixels
        hidden_dim     width of the hidden affine layer
        num_classes    number of scores
        weight_scale   standard deviation of the initial weights
        reg            strength of the L2 regularization of the weights
        dtype          type of all arithmetic; np.float64 for numeric gradient checks
        """
        self.params = {}
        self.reg = reg
        self.dtype = dtype

        # BEGIN SOLUTION
        C, H, W = input_dim
        pooled_dim = num_filters * (H // 2) * (W // 2)
        self.params["W1"] = weight_scale * np.random.randn(num_filters, C, filter_size, filter_size)
        self.params["b1"] = np.zeros(num_filters)
        self.params["W2"] = weight_scale * np.random.randn(pooled_dim, hidden_dim)
        self.params["b2"] = np.zeros(hidden_dim)
        self.params["W3"] = weight_scale * np.random.randn(hidden_dim, num_classes)
        self.params["b3"] = np.zeros(num_classes)
        # END SOLUTION

        for name, value in self.params.items():
            self.params[name] = value.astype(dtype)

    def loss(self, X, y=None):
        """Compute the class scores, or the loss and its gradients.

        Shapes: X (N, C, H, W), cast to dtype, so that float64 data do not double the cost of a float32 model; y (N,)
        integer labels, or None.
        Without y return scores (N, num_classes). With y return (loss, grads): the mean cross entropy plus 0.5 * reg *
        the sum of the squares of W1, W2 and W3 (biases are not regularized), and the gradients of that loss, keyed and
        shaped like params.
        """
        X = X.astype(self.dtype, copy=False)
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        W3, b3 = self.params["W3"], self.params["b3"]
        conv_param = {"stride": 1, "pad": (W1.shape[2] - 1) // 2}
        pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}

        # BEGIN SOLUTION
        pooled, conv_cache = conv_relu_pool_forward(X, W1, b1, conv_param, pool_param)
        h, hidden_cache = affine_relu_forward(pooled, W2, b2)
        scores, scores_cache = affine_forward(h, W3, b3)
        # END SOLUTION

        if y is None:
            return scores

        grads = {}
        # BEGIN SOLUTION
        loss, dscores = softmax_loss(scores, y)
        dh, grads["W3"], grads["b3"] = affine_backward(dscores, scores_cache)
        dpooled, grads["W2"], grads["b2"] = affine_relu_backward(dh, hidden_cache)
        _, grads["W1"], grads["b1"] = conv_relu_pool_backward(dpooled, conv_cache)
        for name, W in (("W1", W1), ("W2", W2), ("W3", W3)):
            loss += 0.5 * self.reg * np.sum(W**2)
            grads[name] += self.reg * W
        # END SOLUTION
        return loss, grads
