# Generated from reference/vis_utils.py by "python -m grader stubs" (unedited: 2b63478b0a9e)
"""Laying out many images or filters as one picture."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np


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
