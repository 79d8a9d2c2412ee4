# Generated from reference/net_visualization_pytorch.py by "python -m grader stubs" (unedited: f14177c84301)
"""Looking into a trained network through the gradient of its scores with respect to the image.

Everything here works on torch tensors of normalized images, (N, 3, H, W), as `preprocess` makes them.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .image_utils import ROUNDING, SQUEEZENET_MEAN, SQUEEZENET_STD, resize_shorter_side

if TYPE_CHECKING:
    from PIL import Image


def compute_saliency_maps(X: Tensor, y: Tensor, model: nn.Module) -> Tensor:
    """Compute for each image how strongly each pixel moves the score of the image's correct class.

    The map is the maximum over the color channels of the absolute gradient of the correct-class scores with respect
    to the image. The model is put in eval mode. X gets requires_grad set in place and X.grad cleared, so a second call
    returns the same maps as the first.

    X: (N, 3, H, W) images, y: (N,) correct classes (int64).
    Returns saliency (N, H, W), without gradient history.
    Source: Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 3.
    """
    model.eval()
    X.requires_grad_()
    # backward() adds to X.grad; what an earlier call left there would be counted twice.
    X.grad = None
    # Write compute_saliency_maps here; tests/public/test_q6_visualization.py judges it.
    raise NotImplementedError("net_visualization_pytorch.compute_saliency_maps")
    return saliency


def make_fooling_image(X: Tensor, target_y: int, model: nn.Module) -> Tensor:
    """Perturb an image by gradient ascent until the model classifies it as target_y.

    Each step adds learning_rate * g / ||g||_2, where g is the gradient of the score of target_y with respect to the
    image. It stops as soon as the highest score is that of target_y, before any step if it is so from the start, and
    after 100 steps at the latest; far fewer are usual. The model is put in eval mode; X is not changed.

    X: (1, 3, H, W) image; target_y: class index.
    Returns X_fooling (1, 3, H, W), without gradient history.
    Source: Szegedy et al. 2014, "Intriguing properties of neural networks", section 4.
    """
    model.eval()
    # Detached first: the clone of a tensor that requires a gradient is no leaf and would collect none.
    X_fooling = X.detach().clone().requires_grad_()
    learning_rate = 1
    max_steps = 100
    # Write make_fooling_image here; tests/public/test_q6_visualization.py judges it.
    raise NotImplementedError("net_visualization_pytorch.make_fooling_image")
    return X_fooling.detach()


def class_visualization_update_step(
    img: Tensor, model: nn.Module, target_y: int, l2_reg: float, learning_rate: float
) -> None:
    """Move img in place by one step of gradient ascent on s_y(img) - l2_reg * ||img||_2^2, where y is target_y.

    With g the gradient of this objective, the step is learning_rate * g / ||g||_2 as in `make_fooling_image`; a step
    of learning_rate * g is accepted too. It depends on img alone: a gradient that img held before is cleared.
    The model is put in eval mode.

    img: (1, 3, H, W), a leaf tensor with requires_grad set; it stays one. target_y: class index.
    Returns nothing.
    Source: Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 2; Yosinski et al. 2015,
    "Understanding Neural Networks Through Deep Visualization", section 3.
    """
    model.eval()
    # As above; to zeros and not to None, so that img.grad.zero_() works before backward() as well as after it.
    img.grad = torch.zeros_like(img)
    # Write class_visualization_update_step here; tests/public/test_q6_visualization.py judges it.
    raise NotImplementedError("net_visualization_pytorch.class_visualization_update_step")


def _per_channel(values: np.ndarray, like: Tensor) -> Tensor:
    """Shape three channel constants (3, 1, 1), with the type and device of `like`."""
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).view(3, 1, 1)


def _to_pil(x: Tensor) -> "Image.Image":
    """Turn x (3, H, W) into a PIL image; values outside [0, 1] are clipped, not wrapped around."""
    from PIL import Image

    pixels = x.clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def preprocess(img: "Image.Image", size: int = 224) -> Tensor:
    """Make a PIL image a batch of one for a network trained on ImageNet.

    The shorter side is resized to `size` pixels, values 0..255 become 0..1, then SQUEEZENET_MEAN is subtracted and
    SQUEEZENET_STD divided out, channel by channel. Returns a float32 tensor (1, 3, h, w).
    """
    pixels = np.array(resize_shorter_side(img.convert("RGB"), size))
    x = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    x = (x - _per_channel(SQUEEZENET_MEAN, x)) / _per_channel(SQUEEZENET_STD, x)
    return x.unsqueeze(0)


def deprocess(img: Tensor, should_rescale: bool = True) -> "Image.Image":
    """Undo the normalization of `preprocess` and make a PIL image of the result.

    img: (1, 3, H, W). With should_rescale its values are stretched to fill 0..255 (a constant image becomes 0), else
    those outside are clipped.
    """
    x = img.detach()[0]
    x = x * _per_channel(SQUEEZENET_STD, x) + _per_channel(SQUEEZENET_MEAN, x)
    return _to_pil(rescale(x, ROUNDING) if should_rescale else x)


def difference_image(X: Tensor, X_other: Tensor, gain: float = 1.0) -> "Image.Image":
    """Show X_other - X as a PIL image: middle grey where they agree, brighter where X_other is, clipped at the ends.

    X, X_other: (1, 3, H, W) normalized images; gain multiplies the difference. Their means cancel, so unlike
    `deprocess` no mean is added.
    """
    difference = (X_other - X).detach()[0]
    return _to_pil(gain * difference * _per_channel(SQUEEZENET_STD, difference) + 0.5)


def rescale(x: Tensor, constant: float = 0.0) -> Tensor:
    """Stretch x of any shape linearly so that its values span 0 to 1.

    An x whose values lie no further apart than `constant` counts as constant and gives zeros.
    """
    low, high = x.min(), x.max()
    return (x - low) / (high - low) if high - low > constant else torch.zeros_like(x)


def blur_image(X: Tensor, sigma: float = 1) -> Tensor:
    """Blur X (N, C, H, W) in place by a Gaussian of standard deviation `sigma` pixels along H and W; returns X."""
    from scipy.ndimage import gaussian_filter1d

    blurred = X.detach().cpu().numpy()
    for axis in (2, 3):
        blurred = gaussian_filter1d(blurred, sigma, axis=axis)
    with torch.no_grad():
        X.copy_(torch.from_numpy(blurred))
    return X


def jitter(X: Tensor, ox: int, oy: int) -> Tensor:
    """Shift X (N, C, H, W) by ox pixels along W and oy along H; what leaves on one side enters on the other."""
    return torch.roll(X, shifts=(oy, ox), dims=(2, 3))
