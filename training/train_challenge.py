"""Train the reference's challenge network on Shapes-10 and write reference/challenge.pt.

    python training/train_challenge.py | tee training/challenge.log

Trains on the 49,000 images that the notebooks train on, on one processor core, with Adam whose learning rate rises and
falls once. The last lines of the log are the accuracies on the test set and on images of a seed that no data set uses.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reference import challenge, shapes10  # noqa: E402
from reference.data_utils import DATASETS  # noqa: E402
from reference.image_sets import Shapes10  # noqa: E402

NUM_TRAINING = 49_000
FRESH_SEED, FRESH_IMAGES = 99, 5_000
BATCH = 100
MAX_RATE, WARM_UP, WEIGHT_DECAY = 4e-3, 0.2, 0.02


def load(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 3, 32, 32) uint8 and labels (N,) of Shapes-10."""
    part = Shapes10(DATASETS, train, download=True)
    return torch.from_numpy(part.data).permute(0, 3, 1, 2), torch.tensor(part.targets)


def fresh() -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels that are in neither part of the data set."""
    labels = np.arange(FRESH_IMAGES) % len(shapes10.CLASSES)
    return torch.from_numpy(shapes10.render(labels, FRESH_SEED)), torch.from_numpy(labels)


def prepare(images: torch.Tensor) -> torch.Tensor:
    """Normalized images in the layout that convolutions on a processor are fastest in."""
    return challenge.normalize(images).contiguous(memory_format=torch.channels_last)


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


def train(epochs: int, seed: int) -> torch.nn.Module:
    """Train the challenge network, print what each epoch reached, and return it."""
    images, labels = load(train=True)
    torch.manual_seed(seed)
    model = challenge.build_model().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    per_epoch = NUM_TRAINING // BATCH
    start = time.process_time()
    for epoch in range(epochs):
        model.train()
        losses = []
        for t, batch in enumerate(torch.randperm(NUM_TRAINING).split(BATCH)):
            optimizer.param_groups[0]["lr"] = rate((epoch + t / per_epoch) / epochs)
            # A mirrored shape keeps its class.
            x = prepare(images[batch])
            x = x.flip(3) if torch.rand(()) < 0.5 else x
            loss = F.cross_entropy(model(x), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        validation = accuracy(model, images[NUM_TRAINING:], labels[NUM_TRAINING:])
        seconds = time.process_time() - start
        loss = torch.stack(losses).mean()
        print(f"epoch {epoch + 1}: training loss {loss:.3f}, validation {validation:.3f}, {seconds:.0f} s", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=231)
    parser.add_argument("--output", type=Path, default=challenge.WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = train(options.epochs, options.seed)
    challenge.save_model(model, options.output)
    model = challenge.load_model(options.output)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters} parameters, {options.output.stat().st_size / 1e3:.0f} kB, seed {options.seed}")
    print(f"test {accuracy(model, *load(train=False)):.4f}")
    print(f"{FRESH_IMAGES} images of seed {FRESH_SEED} {accuracy(model, *fresh()):.4f}")


if __name__ == "__main__":
    main()
