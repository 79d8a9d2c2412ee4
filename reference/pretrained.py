"""A trained SqueezeNet 1.1 and pictures it knows: of ImageNet where both can be had, else of Shapes-10, embedded.

Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters".
"""

from functools import cache
from hashlib import sha256
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .data_utils import GET_IMAGENET_VAL, IMAGENET_VAL_FILE, load_imagenet_val
from .fetch import Unavailable, fetch
from .shapes10 import CLASSES, render
from .vision import torchvision

# One file for every copy of this package, so it lies beside the package.
EMBEDDED_FILE = Path(__file__).resolve().parents[1] / "assets" / "squeezenet_shapes10.npz"
EMBEDDED_SIZE = 96
# The seed of `example_images`; training and its test images take others.
EXAMPLES_SEED = 2025
IMAGENET_SIZE = 224
IMAGENET_WEIGHTS = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1


def load_squeezenet() -> tuple[nn.Module, dict[int, str]]:
    """Load a trained SqueezeNet 1.1, in eval mode and with frozen parameters, that knows the `example_images`.

    It is torchvision's, trained on ImageNet, if its weights can be had and the ImageNet sample is there, else the one
    embedded here, trained on Shapes-10 by training/train_squeezenet.py; a notice says so once.
    Returns the model, which maps images (N, 3, H, W), normalized as by `net_visualization_pytorch.preprocess`, to
    scores (N, classes) and knows as `model.image_size` the height and width in pixels that it was trained on; and a
    dict from class index to name.
    """
    state = _imagenet_state()
    if state is not None:
        names = IMAGENET_WEIGHTS.meta["categories"]
        return _squeezenet(state, len(names), IMAGENET_SIZE), dict(enumerate(names))
    return _squeezenet(load_weights(EMBEDDED_FILE), len(CLASSES), EMBEDDED_SIZE), dict(enumerate(CLASSES))


def example_images(num: int = 5) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Load pictures of the classes that the model of `load_squeezenet` knows, always the same ones.

    num: how many; at most 25 of ImageNet. Shapes-10's show the classes in turn.
    Returns X (num, H, W, 3) uint8, y (num,) labels and a dict from label to name.
    """
    if _imagenet_state() is not None:
        return load_imagenet_val(num, IMAGENET_VAL_FILE)
    y = np.arange(num) % len(CLASSES)
    X = render(y, seed=EXAMPLES_SEED, size=EMBEDDED_SIZE)
    return X.transpose(0, 2, 3, 1).copy(), y, dict(enumerate(CLASSES))


def save_weights(state: dict[str, Tensor], path: str | PathLike) -> None:
    """Write a state dict as an npz file of half-precision arrays."""
    np.savez_compressed(path, **{name: value.detach().cpu().half().numpy() for name, value in state.items()})


def load_weights(path: str | PathLike) -> dict[str, Tensor]:
    """Read what `save_weights` wrote, as float32; nothing is unpickled.

    Raises FileNotFoundError with the remedy.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"The embedded SqueezeNet is missing: looked for {path}; get the folder assets anew.")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]).float() for name in arrays.files}


def _squeezenet(state: dict[str, Tensor], num_classes: int, image_size: int) -> nn.Module:
    """Build the net from its weights."""
    model = torchvision.models.squeezenet1_1(num_classes=num_classes)
    model.load_state_dict(state)
    model.image_size = image_size
    return model.eval().requires_grad_(False)


@cache
def _imagenet_state() -> dict[str, Tensor] | None:
    """Return torchvision's weights if the ImageNet sample is there too, else None, after a notice; decided once."""
    if not IMAGENET_VAL_FILE.exists():
        _notice(f"the ImageNet sample isn't there (to have it, {GET_IMAGENET_VAL} into {IMAGENET_VAL_FILE.parent})")
        return None
    try:
        _fetch_weights()
    except Unavailable as reason:
        _notice(f"ImageNet's weights can't be had ({reason})")
        return None
    return IMAGENET_WEIGHTS.get_state_dict(weights_only=True)


def _fetch_weights() -> None:
    """Put the weights where torchvision looks for them before it downloads; raises Unavailable if they can't be had."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(IMAGENET_WEIGHTS.url).name
    if path.exists():
        return
    fetch(IMAGENET_WEIGHTS.url, path)
    # The name of such a file ends with the first digits of its digest.
    if not sha256(path.read_bytes()).hexdigest().startswith(path.stem.rpartition("-")[2]):
        path.unlink()
        raise Unavailable(f"what {IMAGENET_WEIGHTS.url} sent has the wrong checksum")


def _notice(reason: str) -> None:
    """Say which net is used instead, and why."""
    print(f"Using the embedded SqueezeNet and pictures of Shapes-10, {EMBEDDED_SIZE} pixels wide: {reason}.")
