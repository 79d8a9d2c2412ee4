# Generated from reference/image_utils.py by "python -m grader stubs" (unedited: e3b107be4684)
"""Reading, resizing and normalizing images as NumPy arrays.

PIL is imported by the functions that need it, so importing this module needs only NumPy.
"""

from io import BytesIO
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

SQUEEZENET_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
SQUEEZENET_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
# Undoing the normalization rounds: pixel values in 0..1 that differ by less are meant to be equal.
ROUNDING = 1e-6

BLUR_KERNEL = np.array([[1, 2, 1], [2, 188, 2], [1, 2, 1]]) / 200


def blur_image(X: np.ndarray) -> np.ndarray:
    """Smooth images slightly by a fixed 3x3 kernel, with zeros beyond the border.

    X: (N, 3, H, W) floats. Returns a new array of the same shape and dtype. It serves as a mild regularizer when an
    image is produced by gradient ascent.
    """
    height, width = X.shape[2:]
    padded = np.pad(X, ((0, 0), (0, 0), (1, 1), (1, 1)))
    blurred = np.zeros_like(X)
    for (i, j), weight in np.ndenumerate(BLUR_KERNEL):
        blurred += weight * padded[:, :, i : i + height, j : j + width]
    return blurred


def preprocess_image(img: np.ndarray) -> np.ndarray:
    """Normalize an image for a network trained on ImageNet.

    img: (..., 3) with values 0..255. Returns float32 of the same shape: scaled to 0..1, minus SQUEEZENET_MEAN, divided
    by SQUEEZENET_STD.
    """
    return (img.astype(np.float32) / 255 - SQUEEZENET_MEAN) / SQUEEZENET_STD


def deprocess_image(img: np.ndarray, rescale: bool = False) -> np.ndarray:
    """Undo `preprocess_image`.

    img: (..., 3) normalized. With `rescale` the values are stretched to fill 0..255 (a constant image becomes 0), else
    those outside are clipped. Returns uint8 of the same shape.
    """
    img = img * SQUEEZENET_STD + SQUEEZENET_MEAN
    if rescale:
        low, high = img.min(), img.max()
        img = (img - low) / (high - low) if high - low > ROUNDING else np.zeros_like(img)
    return np.rint(np.clip(255 * img, 0, 255)).astype(np.uint8)


def resize_shorter_side(img: "Image.Image", size: int) -> "Image.Image":
    """Resize a PIL image so that its shorter side has `size` pixels and its proportions stay."""
    from PIL import Image

    width, height = img.size
    shorter = min(width, height)
    return img.resize((size * width // shorter, size * height // shorter), Image.Resampling.BILINEAR)


def image_from_url(url: str, timeout: float = 30) -> np.ndarray:
    """Download an image; nothing is written to disk.

    timeout: seconds without an answer after which to give up. Returns uint8 (H, W, 3).
    Raises OSError with the address and the reason if it can't be had.
    """
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    from PIL import Image

    try:
        with urlopen(url, timeout=timeout) as answer:
            content = answer.read()
    except HTTPError as error:  # a kind of URLError, so it is asked first
        error.close()
        raise OSError(f"{url}: the server answered {error.code} ({error.reason}); check the address.") from error
    except URLError as error:
        raise OSError(f"{url} can't be reached ({error.reason}); check the address and your connection.") from error
    with Image.open(BytesIO(content)) as img:
        return np.array(img.convert("RGB"))


def load_image(filename: str | PathLike, size: int | None = None) -> np.ndarray:
    """Read an image file.

    size: if given, the shorter side is resized to so many pixels. Returns uint8 (H, W, 3).
    """
    from PIL import Image

    with Image.open(filename) as img:
        rgb = img.convert("RGB")
    return np.array(rgb if size is None else resize_shorter_side(rgb, size))
