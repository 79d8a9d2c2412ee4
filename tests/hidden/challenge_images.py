"""The images that the challenge's networks are compared on: CIFAR-10's where they were packed, else new Shapes-10.

`python -m tests.hidden.challenge_images` packs the first of CIFAR-10's test images, if CIFAR-10 is there.
"""

from pathlib import Path

import numpy as np

from reference.data_utils import CIFAR10_DIR, load_pickle
from reference.shapes10 import render

COUNT = 1000
SEED = 830_417
PACKED = Path(__file__).with_name("challenge.npz")


def challenge_images() -> tuple[np.ndarray, np.ndarray]:
    """Returns images (N, 3, 32, 32) uint8 and labels (N,)."""
    if PACKED.is_file():
        with np.load(PACKED) as packed:
            return packed["images"], packed["labels"]
    labels = np.random.RandomState(SEED).randint(10, size=COUNT)
    return render(labels, SEED), labels


def pack() -> str:
    """Packs CIFAR-10's test images, or takes away what was packed where they are not there; returns what was done."""
    file = CIFAR10_DIR / "test_batch"
    if not file.is_file():
        PACKED.unlink(missing_ok=True)
        return f"The challenge is judged on Shapes-10: there is no CIFAR-10 in {CIFAR10_DIR}."
    with file.open("rb") as stream:
        batch = load_pickle(stream)
    images = batch["data"][:COUNT].reshape(-1, 3, 32, 32)
    np.savez_compressed(PACKED, images=images, labels=np.array(batch["labels"][:COUNT]))
    return f"The challenge is judged on {COUNT} test images of CIFAR-10."


if __name__ == "__main__":
    print(pack())
