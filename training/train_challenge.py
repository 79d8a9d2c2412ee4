"""Train the reference's challenge network on what the challenge is judged on, and write reference/challenge.pt.

    make challenge, or python training/train_challenge.py [--data shapes10] | tee training/challenge.log

Trains on all but the last fiftieth of the training images, on one processor core, with Adam whose learning rate rises
and falls once. The last lines of the log are the accuracies on the test set and on the challenge's own images; the exit
status is 1 where the top of the challenge's scale is not reached there.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.course import manifest as manifests  # noqa: E402
from reference import challenge, cifar_files, data_utils, shapes10  # noqa: E402
from tests.hidden import challenge_images  # noqa: E402

EPOCHS = {"shapes10": 6, "cifar10": 30}
SHIFT = {"shapes10": 0, "cifar10": 4}  # pixels that images are moved by at random while training
BATCH = 100
MAX_RATE, WARM_UP, WEIGHT_DECAY = 4e-3, 0.2, 0.02
Part = tuple[torch.Tensor, torch.Tensor]


def judged_on() -> str:
    """The data set whose images the challenge is judged on: CIFAR-10 where it is, else Shapes-10."""
    return "cifar10" if (data_utils.CIFAR10_DIR / "test_batch").is_file() else "shapes10"


def load(data: str, train: bool) -> Part:
    """Images (N, 3, 32, 32) uint8 and labels (N,) of a data set; Shapes-10 is drawn first where it is missing."""
    folder = data_utils.CIFAR10_DIR
    if data == "shapes10":
        folder = data_utils.DATASETS / shapes10.FOLDER
        shapes10.write_batches(folder)
    names = cifar_files.TRAIN_BATCHES if train else cifar_files.TEST_BATCHES
    images, labels = zip(*(cifar_files.read_batch(folder / name) for name in names), strict=True)
    return torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(labels))


def split(images: torch.Tensor, labels: torch.Tensor) -> tuple[Part, Part]:
    """What is trained on, and the last fiftieth for validation."""
    end = len(labels) - len(labels) // 50
    return (images[:end], labels[:end]), (images[end:], labels[end:])


def prepare(images: torch.Tensor) -> torch.Tensor:
    """Normalized images in the layout that convolutions on a processor are fastest in."""
    return challenge.normalize(images).contiguous(memory_format=torch.channels_last)


def augment(x: torch.Tensor, shift: int) -> torch.Tensor:
    """A minibatch moved by up to `shift` pixels, and mirrored half of the time: neither changes a class."""
    if shift:
        rows, columns = torch.randint(-shift, shift + 1, (2,)).tolist()
        x = F.pad(x, [shift] * 4).roll((rows, columns), (2, 3))[:, :, shift:-shift, shift:-shift]
    return x.flip(3) if torch.rand(()) < 0.5 else x


@torch.no_grad()
def accuracy(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The fraction of the images that the model, in test mode, labels right."""
    model.eval()
    right = [
        (model(prepare(x)).argmax(1) == y).sum() for x, y in zip(images.split(500), labels.split(500), strict=True)
    ]
    return (sum(right) / len(labels)).item()


def rate(progress: float) -> float:
    """The learning rate when a part of training, 0..1, is done: a straight line up, another down."""
    return MAX_RATE * min((progress + 0.01) / WARM_UP, (1.01 - progress) / (1 - WARM_UP))


def train(data: str, epochs: int, seed: int) -> torch.nn.Module:
    """Train the challenge network, print what each epoch reached, and return it."""
    (images, labels), held_out = split(*load(data, train=True))
    torch.manual_seed(seed)
    model = challenge.build_model().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    start = time.process_time()
    for epoch in range(epochs):
        model.train()
        losses = []
        batches = torch.randperm(len(labels)).split(BATCH)
        for t, batch in enumerate(batches):
            optimizer.param_groups[0]["lr"] = rate((epoch + t / len(batches)) / epochs)
            loss = F.cross_entropy(model(augment(prepare(images[batch]), SHIFT[data])), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        seconds = time.process_time() - start
        print(
            f"epoch {epoch + 1}: training loss {torch.stack(losses).mean():.3f}, "
            f"validation {accuracy(model, *held_out):.3f}, {seconds:.0f} s",
            flush=True,
        )
    return model


def judge(model: torch.nn.Module) -> bool:
    """Print the accuracy on the challenge's images; return whether it is the top of the scale."""
    judged = challenge_images.challenge()
    found = accuracy(model, torch.from_numpy(judged.images), torch.from_numpy(judged.labels))
    top, points = manifests.load_manifest(ROOT / manifests.FILENAME).scale(judged.scale).steps[-1]
    print(f"the challenge's images {found:.4f}; from {top:g} on it earns {points:g} points")
    return round(found, 2) >= top


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=list(EPOCHS), default=judged_on())
    parser.add_argument("--epochs", type=int, default=0, help="as many as the data set is known to need by default")
    parser.add_argument("--seed", type=int, default=231)
    parser.add_argument("--output", type=Path, default=challenge.WEIGHTS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model = train(options.data, options.epochs or EPOCHS[options.data], options.seed)
    challenge.save_model(model, options.output)
    model = challenge.load_model(options.output)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{options.data}: {parameters} parameters, {options.output.stat().st_size / 1e3:.0f} kB, seed {options.seed}")
    print(f"test {accuracy(model, *load(options.data, train=False)):.4f}")
    return 0 if judge(model) else 1


if __name__ == "__main__":
    sys.exit(main())
