# Generated from reference/vis_utils.py by "python -m grader stubs" (unedited: 66e370c3aab5)
"""Pictures for notebooks: grids of images or filters, and the plots of `plots`."""

from collections.abc import Sequence
from math import ceil, sqrt
from textwrap import shorten

import numpy as np

from .plots import plot_histories, plot_loss_and_accuracy, plot_sweep, shown_once, styled, use_style

__all__ = [
    "plot_histories",
    "plot_loss_and_accuracy",
    "plot_sweep",
    "show_images",
    "use_style",
    "vis_grid",
    "vis_nn",
    "visualize_grid",
]


def _stretch(x: np.ndarray) -> np.ndarray:
    """Map x linearly onto [0, 1] as floats; a constant x gives zeros."""
    low, high = float(np.min(x)), float(np.max(x))
    # Converted before subtracting: bytes would wrap around.
    return (x.astype(np.result_type(x, np.float32)) - low) / (high - low if high > low else 1.0)


def _grid(rows: Sequence[Sequence[np.ndarray]], padding: int, background: float) -> np.ndarray:
    """Put tiles (H, W, C) in rows, `padding` pixels of `background` between them; short rows are filled up with it."""
    height, width, channels = rows[0][0].shape
    columns = max(len(row) for row in rows)
    shape = (len(rows) * (height + padding) - padding, columns * (width + padding) - padding, channels)
    grid = np.full(shape, background, dtype=np.result_type(rows[0][0], np.float32))
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            top, left = i * (height + padding), j * (width + padding)
            grid[top : top + height, left : left + width] = tile
    return grid


def _square(tiles: Sequence[np.ndarray]) -> list[Sequence[np.ndarray]]:
    """Break N tiles into g = ceil(sqrt(N)) rows of g tiles; the last rows may be short or empty."""
    side = ceil(sqrt(len(tiles)))
    return [tiles[i * side : (i + 1) * side] for i in range(side)]


def visualize_grid(Xs: np.ndarray, ubound: float = 255.0, padding: int = 1) -> np.ndarray:
    """Arrange images in a square grid, each stretched for itself to the range 0 to ubound.

    Xs: (N, H, W, C). With g = ceil(sqrt(N)) tiles per side and `padding` pixels of 0 between them, returns floats
    (g * H + (g - 1) * padding, g * W + (g - 1) * padding, C). A constant image becomes 0.
    """
    tiles = [ubound * _stretch(x) for x in Xs]
    return _grid(_square(tiles), padding, background=0)


def vis_grid(Xs: np.ndarray) -> np.ndarray:
    """Arrange images (N, H, W, C) in a grid, stretched together to the range 0 to 1, one pixel apart."""
    return _stretch(_grid(_square(Xs), padding=1, background=np.min(Xs)))


def vis_nn(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Arrange rows of images (H, W, C), as of nearest neighbors, stretched together to 0 to 1, one pixel apart."""
    return _stretch(_grid(rows, padding=1, background=min(np.min(x) for row in rows for x in row)))


def show_images(
    images: Sequence,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    size: float = 1.2,
    cmap: str = "gray",
    title: str | None = None,
):
    """Show images in rows, each with its title above it.

    images is an array or a sequence of images, each (H, W), (H, W, C) or (C, H, W) with C 1 or 3: arrays, tensors
    or PIL images. Bytes and floats from 0 to 1 are shown as they are; any other image is stretched to its own range.
    columns is the length of a row, by default at most 10; size the width of an image in inches; cmap the colours of
    images without colour.
    Returns the matplotlib Figure. Raises ValueError if there is no image, or if titles are fewer or more than images.
    """
    import matplotlib.pyplot as plt

    images = [_displayable(image, f"image {i}") for i, image in enumerate(images)]
    if not images:
        raise ValueError("show_images: there is no image to show; give it at least one.")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"show_images: there are {len(titles)} titles for {len(images)} images; give one for each.")
    columns = min(columns or 10, len(images))
    rows = ceil(len(images) / columns)
    height, width = images[0].shape[:2]
    row_height = size * height / width + (0.25 if titles is not None else 0.05)
    with styled():
        figsize = (size * columns, row_height * rows + (0.3 if title else 0))
        fig, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False)
        fig.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        for ax in axes.flat:
            ax.axis("off")
        for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
            ax.imshow(image, cmap=cmap, **({"vmin": 0, "vmax": 1} if image.ndim == 2 else {}))
            if titles is not None:
                # about 16 letters of this size to an inch
                ax.set_title(shorten(str(titles[i]), max(int(16 * size), 8), placeholder="…"), fontsize=9, pad=3)
        if title:
            fig.suptitle(title)
    return shown_once(fig, colours=None)


def _displayable(image, name: str) -> np.ndarray:
    """Return an image as floats from 0 to 1, (H, W) or (H, W, 3)."""
    image = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    if image.ndim == 3 and image.shape[-1] not in (1, 3) and image.shape[0] in (1, 3):
        image = image.transpose(1, 2, 0)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[-1] == 3):
        raise ValueError(f"show_images: {name} has the shape {image.shape}; it must be (H, W), (H, W, 3) or (3, H, W).")
    if image.dtype == np.uint8:
        return image / np.float32(255)
    return image if image.min() >= 0 and image.max() <= 1 else _stretch(image)
