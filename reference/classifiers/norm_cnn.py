"""A convolutional network with a normalization after each convolution, to compare normalizations by."""

import numpy as np

from ..fast_layers import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from ..layers import (
    affine_backward,
    affine_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
)

CONV_PARAM = {"stride": 1, "pad": 1}
POOL_PARAM = {"pool_height": 2, "pool_width": 2, "stride": 2}


class NormConvNet:
    """A classifier {conv 3x3 - [normalization] - ReLU - [2x2 max pool]} x L - affine - softmax for square images.

    Every other block pools, from the first on. params holds W1, b1 to WL, bL of the convolutions, gamma1, beta1 to
    gammaL, betaL of their normalizations, and W, b of the affine layer. bn_params holds the running statistics of batch
    normalization, a dict for each block.
    """

    def __init__(
        self,
        normalization=None,
        num_filters=(8, 16, 16, 32, 32),
        groups=4,
        input_dim=(3, 32, 32),
        num_classes=10,
        dtype=np.float32,
    ):
        """Draw each weight with the deviation 1 / sqrt(3 * inputs), which is PyTorch's default; biases start at 0.

        normalization   None, "batchnorm" or "groupnorm"
        num_filters     of each block; the image's side must be divisible by 2 at each pool
        groups          G of the group normalization, a divisor of each number of filters
        input_dim       (C, H, H) of an image
        num_classes     number of scores
        dtype           type of all arithmetic
        """
        self.normalization, self.groups, self.dtype = normalization, groups, dtype
        self.bn_params = [{} for _ in num_filters]
        self.params = {}
        C, H, _ = input_dim
        for i, F in enumerate(num_filters, 1):
            self.params[f"W{i}"] = np.random.randn(F, C, 3, 3) / np.sqrt(3 * C * 9)
            self.params[f"b{i}"] = np.zeros(F)
            if normalization is not None:
                shape = (1, F, 1, 1) if normalization == "groupnorm" else (F,)
                self.params[f"gamma{i}"], self.params[f"beta{i}"] = np.ones(shape), np.zeros(shape)
            C, H = F, H // 2 if _pools(i) else H
        self.params["W"] = np.random.randn(C * H * H, num_classes) / np.sqrt(3 * C * H * H)
        self.params["b"] = np.zeros(num_classes)
        for name, value in self.params.items():
            self.params[name] = value.astype(dtype)

    def loss(self, X, y=None):
        """Compute the class scores, or the loss and its gradients.

        Shapes: X (N, C, H, H), cast to dtype; y (N,) integer labels, or None. Without y return scores (N, num_classes),
        with batch normalization in test mode. With y return (loss, grads): the mean cross entropy and its gradients,
        keyed like params.
        """
        h, pull_backs = X.astype(self.dtype, copy=False), []
        for block in range(len(self.bn_params)):
            h, pull_back = self._apply(block + 1, h, "test" if y is None else "train")
            pull_backs.append(pull_back)
        scores, last_cache = affine_forward(h, self.params["W"], self.params["b"])
        if y is None:
            return scores

        grads = {}
        loss, dh = softmax_loss(scores, y)
        dh, grads["W"], grads["b"] = affine_backward(dh, last_cache)
        for pull_back in reversed(pull_backs):
            dh = pull_back(dh, grads)
        return loss, grads

    def _apply(self, i, x, mode):
        """Apply block i in a mode; return its output, and a function that puts gradients into grads and returns dx."""
        a, conv_cache = conv_forward_fast(x, self.params[f"W{i}"], self.params[f"b{i}"], CONV_PARAM)
        a, norm_cache = self._normalize(i, a, mode)
        out, relu_cache = relu_forward(a)
        pool_cache = None
        if _pools(i):
            out, pool_cache = max_pool_forward_fast(out, POOL_PARAM)

        def pull_back(dout, grads):
            da = relu_backward(max_pool_backward_fast(dout, pool_cache) if _pools(i) else dout, relu_cache)
            if norm_cache is not None:
                batch = self.normalization == "batchnorm"
                norm_backward = spatial_batchnorm_backward if batch else spatial_groupnorm_backward
                da, *slopes = norm_backward(da, norm_cache)
                grads |= zip((f"gamma{i}", f"beta{i}"), slopes)
            dx, *slopes = conv_backward_fast(da, conv_cache)
            grads |= zip((f"W{i}", f"b{i}"), slopes)
            return dx

        return out, pull_back

    def _normalize(self, i, a, mode):
        """Return what block i makes of its convolution's output, and a cache; None for that without normalization."""
        if self.normalization is None:
            return a, None
        scale_and_shift = [self.params[f"{name}{i}"] for name in ("gamma", "beta")]
        if self.normalization == "groupnorm":
            return spatial_groupnorm_forward(a, *scale_and_shift, self.groups, {})
        bn_param = self.bn_params[i - 1]
        bn_param["mode"] = mode
        return spatial_batchnorm_forward(a, *scale_and_shift, bn_param)


def _pools(i):
    """Return whether block i ends with a pool."""
    return i % 2 == 1
