"""The images that the challenge is judged on: changed ones of CIFAR-10 where they are packed, else new Shapes-10.

Which images, which labels and every random byte in them follow from a secret of 128 bits, by SHAKE-256. A network sees
the images, has the renderer and can hold any table: to tell a label it must classify.

`python -m tests.hidden.challenge_images` packs test images of CIFAR-10, if CIFAR-10 is there.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grader.files import read_or_make_secret, write_atomically
from reference.cifar_files import read_batch
from reference.data_utils import CIFAR10_DIR
from reference.shapes10 import CLASSES, render_from

COUNT = 1000
SECRET = Path(__file__).with_name("challenge.secret")
PACKED = Path(__file__).with_name("challenge.npz")
SHIFT = 3  # pixels, at most, in both directions
BRIGHTNESS = ((0.8, 0.94), (1.06, 1.25))  # never 1, so that no pixel's value is sure to stay
BLOCK = 1 << 16


class Stream:
    """Random bytes that nobody can predict without the key: SHAKE-256 of key, purpose and a counter."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._prefix, self._blocks, self._rest = key + purpose.encode() + b"/", 0, b""

    def bytes(self, length: int) -> bytes:
        """The next bytes; how many are asked for at a time changes nothing."""
        parts = [self._rest]
        held = len(self._rest)
        while held < length:
            parts.append(hashlib.shake_256(self._prefix + self._blocks.to_bytes(8, "little")).digest(BLOCK))
            self._blocks, held = self._blocks + 1, held + BLOCK
        found = b"".join(parts)
        self._rest = found[length:]
        return found[:length]

    def integers(self, count: int) -> np.ndarray:
        """So many integers of 64 bits."""
        return np.frombuffer(self.bytes(8 * count), dtype="<u8")

    def uniform(self, count: int) -> np.ndarray:
        """So many numbers from 0 to 1."""
        return (self.integers(count) >> np.uint64(11)) * 2.0**-53


@dataclass(frozen=True)
class Challenge:
    """Images (N, 3, 32, 32) uint8, their labels (N,), and the manifest's scale by which accuracy on them is judged."""

    images: np.ndarray
    labels: np.ndarray
    scale: str


def challenge(secret: bytes | None = None) -> Challenge:
    """The images of this copy of the course; with a secret, Shapes-10's of that secret."""
    if secret is None and PACKED.is_file():
        with np.load(PACKED) as packed:
            return Challenge(packed["images"], packed["labels"], "challenge-cifar10")
    secret = read_or_make_secret(SECRET) if secret is None else secret
    labels = (Stream(secret, "labels").integers(COUNT) % len(CLASSES)).astype(np.int64)
    images = render_from(labels, Stream(secret, "scenes"), Stream(secret, "grains"))
    return Challenge(images, labels, "challenge")


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of right answers in whole percents.

    What a single image adds shows in no report, so many uploads together do not tell one label after the other.
    """
    return round(float(np.mean(scores.argmax(axis=1) == labels)), 2)


def pack(secret: bytes | None = None) -> str:
    """Packs a choice of CIFAR-10's test images, or removes an old one where there are none; returns what was done.

    The same secret packs the same bytes.
    """
    file = CIFAR10_DIR / "test_batch"
    if not file.is_file():
        PACKED.unlink(missing_ok=True)
        return f"The challenge is judged on Shapes-10: there is no CIFAR-10 in {CIFAR10_DIR}."
    secret = read_or_make_secret(SECRET) if secret is None else secret
    images, labels = read_batch(file)
    chosen = np.argsort(Stream(secret, "choice").integers(len(images)), kind="stable")[:COUNT]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=changed(images[chosen], Stream(secret, "changes")), labels=labels[chosen])
    write_atomically(PACKED, buffer.getvalue())
    return f"The challenge is judged on {len(chosen)} of CIFAR-10's {len(images)} test images, each a little changed."


def changed(images: np.ndarray, stream: Stream) -> np.ndarray:
    """Images (N, 3, H, W) uint8, each shifted, half of them mirrored, and all made darker or brighter at random."""
    N, _, H, W = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="edge")
    rows, columns = (stream.integers(2 * N) % (2 * SHIFT + 1)).reshape(2, N).astype(int)
    mirrored, brighter = (stream.integers(2 * N) % 2).reshape(2, N).astype(bool)
    low, high = np.array(BRIGHTNESS)[brighter.astype(int)].T
    factor = low + (high - low) * stream.uniform(N)
    moved = np.stack([image[:, r : r + H, c : c + W] for image, r, c in zip(padded, rows, columns, strict=True)])
    moved[mirrored] = moved[mirrored, :, :, ::-1]
    return np.clip(moved * factor[:, None, None, None] + 0.5, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    print(pack())
