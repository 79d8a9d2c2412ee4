"""The networks and the training step of the PyTorch notebook, at three levels of abstraction.

Barebones functions on tensors, `nn.Module` subclasses and `nn.Sequential` describe the same architectures; each level
trades flexibility for convenience.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def flatten(x: Tensor) -> Tensor:
    """Lay out each sample of a batch as one vector.

    x: (N, d1, ..., dk). Returns a view (a copy where x isn't contiguous) of shape (N, d1 * ... * dk).
    """
    return x.reshape(x.shape[0], -1)


class Flatten(nn.Module):
    """`flatten` as a layer, for use in `nn.Sequential`."""

    def forward(self, x: Tensor) -> Tensor:
        return flatten(x)


def random_weight(shape: Sequence[int], device=None, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw a weight by Kaiming normal initialization: mean 0, standard deviation sqrt(2 / fan_in).

    shape: (fan_in, fan_out) of a fully connected weight, or (filters, channels, height, width) of a convolution,
    whose fan_in is channels * height * width. Returns a leaf tensor with requires_grad set.
    Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """
    fan_in = shape[0] if len(shape) == 2 else math.prod(shape[1:])
    weight = torch.randn(*shape, device=device, dtype=dtype) * math.sqrt(2 / fan_in)
    # The product is the result of an operation; only a leaf collects gradients, so track it from here on.
    return weight.requires_grad_()


def zero_weight(shape: int | Sequence[int], device=None, dtype: torch.dtype = torch.float32) -> Tensor:
    """Make a parameter of zeros, as for a bias: a leaf tensor of the given shape with requires_grad set."""
    return torch.zeros(shape, device=device, dtype=dtype, requires_grad=True)


def two_layer_fc(x: Tensor, params: Sequence[Tensor]) -> Tensor:
    """Compute the scores of a fully connected net without biases: affine, ReLU, affine.

    x: (N, d1, ..., dk); params: [w1, w2] of shapes (D, H) and (H, C), where D = d1 * ... * dk. Returns (N, C).
    """
    w1, w2 = params
    hidden = F.relu(flatten(x) @ w1)
    return hidden @ w2


def three_layer_convnet(x: Tensor, params: Sequence[Tensor]) -> Tensor:
    """Compute the class scores of a three-layer convolutional net: conv, ReLU, conv, ReLU, fully connected.

    The first convolution pads x with 2 zeros on each side, the second with 1, both with stride 1, so 5x5 and then 3x3
    filters keep the image size. The scores are returned as they are, without softmax.

    x: (N, C, H, W) images.
    params: [conv_w1, conv_b1, conv_w2, conv_b2, fc_w, fc_b] of shapes (channel_1, C, KH1, KW1), (channel_1,),
    (channel_2, channel_1, KH2, KW2), (channel_2,), (features, num_classes), (num_classes,), where features is the
    number of values per image after the second convolution.
    Returns scores (N, num_classes).
    """
    conv_w1, conv_b1, conv_w2, conv_b2, fc_w, fc_b = params
    # BEGIN SOLUTION
    hidden = F.relu(F.conv2d(x, conv_w1, conv_b1, padding=2))
    hidden = F.relu(F.conv2d(hidden, conv_w2, conv_b2, padding=1))
    scores = flatten(hidden) @ fc_w + fc_b
    # END SOLUTION
    return scores


def three_layer_params(
    in_channel: int,
    channel_1: int,
    channel_2: int,
    num_classes: int,
    image_size: int = 32,
    device=None,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Allocate the parameters of `three_layer_convnet` with 5x5 and then 3x3 filters, for square images.

    Weights are Kaiming normal (see `random_weight`), biases zero; each is a leaf tensor with requires_grad set, on
    `device` and of type `dtype`. image_size: height and width of the images, in pixels.
    Returns [conv_w1, conv_b1, conv_w2, conv_b2, fc_w, fc_b]; fc_w has one row per feature, one column per class.
    Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """
    # BEGIN SOLUTION
    options = {"device": device, "dtype": dtype}
    conv_w1 = random_weight((channel_1, in_channel, 5, 5), **options)
    conv_b1 = zero_weight((channel_1,), **options)
    conv_w2 = random_weight((channel_2, channel_1, 3, 3), **options)
    conv_b2 = zero_weight((channel_2,), **options)
    # Both convolutions keep the image size.
    fc_w = random_weight((channel_2 * image_size * image_size, num_classes), **options)
    fc_b = zero_weight((num_classes,), **options)
    # END SOLUTION
    return [conv_w1, conv_b1, conv_w2, conv_b2, fc_w, fc_b]


class TwoLayerFC(nn.Module):
    """A fully connected net, affine, ReLU, affine: x (N, d1, ..., dk) with product input_size -> (N, num_classes)."""

    def __init__(self, input_size: int, hidden_size: int, num_classes: int):
        super().__init__()
        # Layers assigned as attributes are registered: parameters() then finds their weights.
        self.fc1 = nn.Linear(input_size, hidden_size)
        self.fc2 = nn.Linear(hidden_size, num_classes)
        nn.init.kaiming_normal_(self.fc1.weight)
        nn.init.kaiming_normal_(self.fc2.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(flatten(x))))


class ThreeLayerConvNet(nn.Module):
    """The architecture of `three_layer_convnet` as a module, for 32x32 images."""

    def __init__(self, in_channel: int, channel_1: int, channel_2: int, num_classes: int):
        """Register a 5x5 convolution (padding 2), a 3x3 convolution (padding 1) and a fully connected layer.

        in_channel: channels of the images; channel_1, channel_2: filters of the two convolutions.
        Weights are Kaiming normal, biases zero; `parameters()` yields the weight and the bias of the first
        convolution, of the second, of the fully connected layer, in this order.
        Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
        """
        super().__init__()
        # BEGIN SOLUTION
        self.conv1 = nn.Conv2d(in_channel, channel_1, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(channel_1, channel_2, kernel_size=3, padding=1)
        self.fc = nn.Linear(channel_2 * 32 * 32, num_classes)
        for layer in (self.conv1, self.conv2, self.fc):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Compute the class scores of x (N, in_channel, 32, 32), with a ReLU after each convolution.

        Returns scores (N, num_classes), without softmax.
        """
        # BEGIN SOLUTION
        hidden = F.relu(self.conv1(x))
        hidden = F.relu(self.conv2(hidden))
        scores = self.fc(flatten(hidden))
        # END SOLUTION
        return scores


def build_sequential(in_channel: int, channel_1: int, channel_2: int, num_classes: int) -> nn.Sequential:
    """Build the architecture of `ThreeLayerConvNet` as one `nn.Sequential`, for 32x32 images.

    The parameters keep PyTorch's default initialization and stand in the order of `ThreeLayerConvNet`.
    Returns a model that maps (N, in_channel, 32, 32) to scores (N, num_classes), without softmax.
    """
    # BEGIN SOLUTION
    model = nn.Sequential(
        nn.Conv2d(in_channel, channel_1, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.Conv2d(channel_1, channel_2, kernel_size=3, padding=1),
        nn.ReLU(),
        Flatten(),
        nn.Linear(channel_2 * 32 * 32, num_classes),
    )
    # END SOLUTION
    return model


def build_optimizer(model: nn.Module, learning_rate: float = 1e-2, momentum: float = 0.9) -> torch.optim.Optimizer:
    """Make an SGD optimizer with Nesterov momentum over all parameters of the model.

    momentum: fraction of the velocity kept at each step; 0 gives plain SGD.
    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", section 2.
    """
    # BEGIN SOLUTION
    # torch refuses nesterov=True without momentum.
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum, nesterov=momentum > 0)
    # END SOLUTION
    return optimizer


def training_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """Put the model in train mode and take one optimizer step on the mean cross entropy of a minibatch.

    The step depends on this minibatch's gradient alone, whatever gradients the parameters held before. The model sees
    the minibatch once, so that batch normalization counts it once.
    x: (N, ...) inputs, y: (N,) class indices (int64), both on the model's device.
    Returns the loss before the step, as a Python float.
    """
    # BEGIN SOLUTION
    model.train()
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # END SOLUTION
    return loss.item()
