# Generated from reference/shapes10.py by "python -m grader stubs" (unedited: 076eb04576bd)
"""Shapes-10: images of ten shape classes, drawn from a seed; a stand-in for CIFAR-10 where that can't be had.

Each image shows one shape, turned, stretched and moved, of any colour, on a textured and unevenly lit ground among
strokes behind and before it. Nothing but the outline tells the class.

The bytes are the same on every machine and with every version of Python and NumPy: random numbers are bytes of the
frozen RandomState stream, and arithmetic is float32, elementwise, with + - * / and sqrt only, whose results IEEE 754
fixes to the last bit. It leaves open those of sums over an axis, products of matrices, sines and exponentials: none
decides a pixel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from . import cifar_files
from .outlines import SHAPES

FOLDER = "shapes-10-batches-py"
BATCH_SIZE = 10_000
# The digests of the files that `write_batches` writes.
MD5 = {
    "data_batch_1": "8db375c712788b428acdaa4186a7d229",
    "data_batch_2": "f91c8b8d8ac3598632ceb200625de272",
    "data_batch_3": "588b5a1d95c36c8db9eb10e68f50a4af",
    "data_batch_4": "67b868c7c1e4dc9c899bb8267685a386",
    "data_batch_5": "26e94af6c7153bf45b260942295d812d",
    "test_batch": "ffc0fbf3534e553c1de77d75bd762b04",
    "batches.meta": "b7dcfd04f8eb618e162312fe8c8fb5db",
}

# Images drawn at once; every array then stays in the processor's cache. It doesn't change the images.
CHUNK = 64


@dataclass(frozen=True)
class Look:
    """How varied and how cluttered images are; lengths in halves of the image's side, brightness in 0..255."""

    turn: float = 0.27  # tangent of half the largest angle
    size: tuple[float, float] = (0.5, 0.78)
    stretch: float = 0.2
    shift: float = 0.22
    brighter: float = 0.86  # how often the shape is brighter than the ground, in each channel
    contrast: tuple[float, float] = (35.0, 110.0)
    behind: int = 3
    before: int = 2
    light: float = 0.35
    stripes: float = 10.0
    mottle: float = 35.0
    noise: tuple[float, float] = (2.0, 12.0)  # standard deviation
    blur: tuple[float, float] = (1.0, 2.2)  # width of an edge in 32nds of the side


LOOK = Look()
MOTTLES = 6
CLASSES = tuple(SHAPES)


class Stream(Protocol):
    """A source of random bytes; a RandomState is one."""

    def bytes(self, length: int) -> bytes:
        """Return the next bytes."""


class _Draws:
    """Hands out uniform random numbers, an array (N, 1, 1) of one for each image at a time."""

    COLUMNS = 128

    def __init__(self, stream: Stream, N: int):
        # Whole rows of a fixed width: an image's numbers depend only on the seed and its place. As an integer, 65536
        # would make NumPy 1 go over to float64.
        words = np.frombuffer(stream.bytes(2 * N * self.COLUMNS), dtype="<u2").reshape(N, self.COLUMNS)
        self.columns = iter(words.T.astype(np.float32) / 65536.0)

    def __call__(self, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return (low + (high - low) * next(self.columns))[:, None, None]


class _Canvas:
    """N images being painted: pixels (N, 3, size, size) float32 and the coordinates of their centres, from -1 to 1."""

    def __init__(self, draw: _Draws, N: int, size: int):
        self.draw, self.size = draw, size
        centres = (np.arange(size, dtype=np.float32) * 2 + 1) / size - 1
        self.x, self.y = centres[None, None, :], centres[None, :, None]
        self.pixels = np.empty((N, 3, size, size), dtype=np.float32)

    def frame(self, turn: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the pixels in a frame that is turned and shifted at random."""
        # A rational point of the circle is a cosine and a sine without either function.
        t = self.draw(-turn, turn)
        square = t * t
        cos, sin = (1 - square) / (1 + square), 2 * t / (1 + square)
        x, y = self.x - self.draw(-shift, shift), self.y - self.draw(-shift, shift)
        return cos * x + sin * y, cos * y - sin * x

    def cover(self, distance: np.ndarray, blur: np.ndarray) -> np.ndarray:
        """How much of each pixel lies inside an outline, 0..1, from its signed distance; blur is an edge's width."""
        return np.clip(0.5 - distance / blur, 0, 1)

    def paint(self, cover: np.ndarray, colour: list[np.ndarray]) -> None:
        """Paint a colour over the pixels, where and as far as cover says."""
        for channel in range(3):
            plane = self.pixels[:, channel]
            plane += cover * (colour[channel] - plane)


def _colour(draw: _Draws, low: float, high: float) -> list[np.ndarray]:
    return [draw(low, high) for _ in range(3)]


def _stroke(canvas: _Canvas, blur: np.ndarray, thickness: tuple[float, float]) -> None:
    """Paint a stroke of any length with round ends; a short one is a blob."""
    draw = canvas.draw
    along, across = canvas.frame(1, 1)
    length, radius = draw(0, 0.7), draw(*thickness)
    beyond = np.maximum(np.abs(along) - length, 0)
    canvas.paint(canvas.cover(np.sqrt(beyond * beyond + across * across) - radius, blur), _colour(draw, 20, 235))


def _stripes(canvas: _Canvas) -> np.ndarray:
    """Stripes of random width, direction and place, from -1 to 1."""
    along, _ = canvas.frame(1, 1)
    phase = along * canvas.draw(1, 5)
    return np.abs(phase - np.floor(phase) - 0.5) * 4 - 1


def _mottle(draw: _Draws, N: int, size: int) -> np.ndarray:
    """Random brightness on a coarse lattice, from -1 to 1, between whose points it is interpolated."""
    lattice = np.concatenate([draw(-1, 1) for _ in range(MOTTLES * MOTTLES)], axis=1).reshape(N, MOTTLES, MOTTLES)
    place = (2 * np.arange(size) + 1) * (MOTTLES - 1)
    low, part = place // (2 * size), (place % (2 * size)).astype(np.float32) / (2 * size)
    rows = lattice[:, low] + part[:, None] * (lattice[:, low + 1] - lattice[:, low])
    return rows[:, :, low] + part * (rows[:, :, low + 1] - rows[:, :, low])


def _distance(canvas: _Canvas, labels: np.ndarray, look: Look) -> np.ndarray:
    """Signed distance of each pixel from the outline of its image's shape, at a random place, size and angle."""
    draw = canvas.draw
    x, y = canvas.frame(look.turn, look.shift)
    scale, stretch, mirrored = draw(*look.size), draw(-look.stretch, look.stretch), draw() < 0.5
    x = x * np.where(mirrored, np.float32(-1), np.float32(1)) / (scale * (1 + stretch))
    y = y / (scale * (1 - stretch))
    distance = np.empty_like(x)
    for label, shape in enumerate(SHAPES.values()):
        which = labels == label
        distance[which] = shape(x[which], y[which])
    return distance * scale


def _scene(labels: np.ndarray, draw: _Draws, size: int, look: Look) -> np.ndarray:
    """Paint one scene for each label, without noise: (N, 3, size, size) float32."""
    N = len(labels)
    canvas = _Canvas(draw, N, size)
    blur = draw(*look.blur) / 16
    ground = _colour(draw, 40, 190)
    for channel in range(3):
        canvas.pixels[:, channel] = ground[channel]
    along, _ = canvas.frame(1, 1)
    canvas.paint(canvas.cover(along, blur), [colour + draw(-35, 35) for colour in ground])
    for _ in range(look.behind):
        _stroke(canvas, blur, (0.04, 0.2))
    cover = canvas.cover(_distance(canvas, labels, look), blur)
    sign = [np.where(draw() < look.brighter, np.float32(1), np.float32(-1)) for _ in range(3)]
    canvas.paint(cover, [c + s * draw(*look.contrast) for c, s in zip(ground, sign)])
    mottle = _mottle(draw, N, size)
    textures = [_stripes(canvas) * draw(0, look.stripes) + mottle * draw(-look.mottle, look.mottle) for _ in range(2)]
    canvas.pixels += (textures[0] + cover * (textures[1] - textures[0]))[:, None]
    for _ in range(look.before):
        _stroke(canvas, blur, (0.03, 0.09))
    light = 1 + draw(-look.light, look.light) * canvas.x + draw(-look.light, look.light) * canvas.y
    canvas.pixels *= light[:, None]
    return canvas.pixels


def _streams(seed: int) -> tuple[Stream, Stream]:
    """The streams of the scenes and of their noise; with two of them a scene is the same at every size."""
    return np.random.RandomState([seed, 0]), np.random.RandomState([seed, 1])


def _chunks(
    labels: np.ndarray, scenes: Stream, grains: Stream, size: int, look: Look
) -> Iterator[tuple[int, np.ndarray]]:
    """Draw the images a chunk at a time: the place of its first, and bytes (n, 3, size, size)."""
    for start in range(0, len(labels), CHUNK):
        part = labels[start : start + CHUNK]
        draw = _Draws(scenes, len(part))
        images = _scene(part, draw, size, look)
        shape = (len(part), 2, 3, size, size)
        grain = np.frombuffer(grains.bytes(6 * len(part) * size * size), dtype=np.uint8).reshape(shape)
        # The sum of two uniform bytes has a standard deviation of about 104.5.
        strength = draw(*look.noise) / 104.5
        images += (grain[:, 0].astype(np.float32) + grain[:, 1] - 255) * strength[:, None]
        yield start, np.clip(images + 0.5, 0, 255).astype(np.uint8)


def render(labels, seed: int, size: int = 32, look: Look = LOOK) -> np.ndarray:
    """Draw an image for each label.

    labels: N integers from 0 to 9, indices into CLASSES. seed: from 0 to 2 ** 32 - 1; the same labels and seed give
    the same scenes at every size. size: height and width in pixels, an even number.
    Returns (N, 3, size, size) uint8, channels red, green, blue. Raises ValueError for a label out of range.
    """
    return render_from(labels, *_streams(seed), size, look)


def render_from(labels, scenes: Stream, grains: Stream, size: int = 32, look: Look = LOOK) -> np.ndarray:
    """Draw an image for each label, as `render` does, with the random bytes of two streams.

    scenes decides the place, the colours and the ground of each image, grains its noise.
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() < len(CLASSES):
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}; they must be from 0 to {len(CLASSES) - 1}")
    images = np.empty((len(labels), 3, size, size), dtype=np.uint8)
    for start, chunk in _chunks(labels, scenes, grains, size, look):
        images[start : start + len(chunk)] = chunk
    return images


def batch_labels(number: int) -> np.ndarray:
    """The labels of a batch, as many of each class; batches 1 to 5 are for training, batch 6 for the test."""
    return np.random.RandomState([number, 2]).permutation(np.arange(BATCH_SIZE) % len(CLASSES))


def write_batches(root: str | PathLike) -> None:
    """Draw the data set, 50,000 images for training and 10,000 for the test, into the folder root.

    The files are CIFAR-10's: data_batch_1 to data_batch_5, test_batch and batches.meta. Those that are there and intact
    are kept; several processes may write at once. A progress bar appears where it takes more than three seconds.
    Raises RuntimeError if an image comes out other than it should.
    """
    from .progress import make_bar

    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    names = [*cifar_files.TRAIN_BATCHES, *cifar_files.TEST_BATCHES]
    missing = [number for number, name in enumerate(names, 1) if cifar_files.md5(root / name) != MD5[name]]
    with make_bar(total=len(missing) * BATCH_SIZE, desc="Drawing Shapes-10", unit="image", delay=3) as progress:
        for number in missing:
            _write_batch(root / names[number - 1], number, progress)
    if cifar_files.md5(root / cifar_files.META) != MD5[cifar_files.META]:
        cifar_files.write_meta(root / cifar_files.META, CLASSES, BATCH_SIZE)
    wrong = [name for name, digest in MD5.items() if cifar_files.md5(root / name) != digest]
    if wrong:
        raise RuntimeError(
            f"Shapes-10 came out wrong on this machine ({', '.join(wrong)} in {root}); please report it."
        )


def _write_batch(path: Path, number: int, progress) -> None:
    labels = batch_labels(number)
    images = np.empty((BATCH_SIZE, 3, 32, 32), dtype=np.uint8)
    for start, chunk in _chunks(labels, *_streams(number), 32, LOOK):
        images[start : start + len(chunk)] = chunk
        progress.update(len(chunk))
    title = "testing batch 1 of 1" if path.name in cifar_files.TEST_BATCHES else f"training batch {number} of 5"
    filenames = [f"{CLASSES[label]}_{index:05d}.png" for index, label in enumerate(labels)]
    cifar_files.write_batch(path, title, images, labels, filenames)
