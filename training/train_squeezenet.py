"""Train the SqueezeNet 1.1 that the visualization notebook uses offline, on Shapes-10 rendered larger.

    timeout 3000 python training/train_squeezenet.py | tee training/squeezenet.log

From scratch and on one processor core. SqueezeNet has no normalization and is slow to start; so each of its
convolutions is trained with batch normalization behind it, which at test time is an affine map of each channel and is
folded into the convolution in the end. Small pictures come first, since a step on them costs less than half; the last
stage has the size that the notebook shows. Started again, it goes on from the last checkpoint in build/.
"""

import argparse
import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reference.image_utils import SQUEEZENET_MEAN, SQUEEZENET_STD  # noqa: E402
from reference.pretrained import EMBEDDED_FILE, EMBEDDED_SIZE, load_weights, save_weights  # noqa: E402
from reference.shapes10 import CLASSES, render  # noqa: E402
from reference.vision import torchvision  # noqa: E402

CHECKPOINT = ROOT / "build" / "squeezenet.pt"
TEST_SEED = 77
TEST_IMAGES = 2000


@dataclass
class Stage:
    """A part of training: so many steps on images of one size, at a learning rate that rises and falls once.

    noise: standard deviation of noise added to normalized images. push: length of a step uphill on the loss, after
    which each image is shown again (Goodfellow et al. 2015, "Explaining and Harnessing Adversarial Examples"). A
    network that stands it has gradients that follow the shapes; 0 leaves it out, and costs half.
    """

    size: int
    images: int
    steps: int
    max_rate: float
    noise: float
    push: float


STAGES = [
    Stage(size=64, images=20000, steps=1200, max_rate=4e-3, noise=0.1, push=0),
    Stage(size=EMBEDDED_SIZE, images=15000, steps=320, max_rate=2e-3, noise=0.1, push=2),
]
BATCH = 64
# Scores pass a ReLU before they are averaged. Those that start near zero die behind it, and with them their gradients;
# a constant added to all of them changes no probability, and smoothed labels keep them from drifting far apart.
SCORE_BIAS = 10.0
LABEL_SMOOTHING = 0.05


def replace(model: nn.Module, kind: type, change: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Put change(module) in the place of every module of a kind, not looking inside those; returns the model."""
    for name, child in model.named_children():
        setattr(model, name, change(child) if isinstance(child, kind) else replace(child, kind, change))
    return model


class NormalizedConv(nn.Sequential):
    """A convolution and its batch normalization."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__(conv, nn.BatchNorm2d(conv.out_channels))

    def fold(self) -> nn.Conv2d:
        """The one convolution that computes the same in eval mode."""
        return fuse_conv_bn_eval(*self)


def build() -> nn.Module:
    """A SqueezeNet for training: with batch normalization, and less dropout than ImageNet's thousand classes need."""
    model = torchvision.models.squeezenet1_1(num_classes=len(CLASSES), dropout=0.2)
    replace(model.features, nn.Conv2d, NormalizedConv)
    nn.init.constant_(model.classifier[1].bias, SCORE_BIAS)
    return model.to(memory_format=torch.channels_last)


def folded(model: nn.Module) -> nn.Module:
    """The same function in eval mode, in torchvision's own architecture."""
    return replace(copy.deepcopy(model).eval(), NormalizedConv, NormalizedConv.fold)


def draw(number: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Render images (number, 3, size, size) uint8 of random classes."""
    y = np.random.RandomState(seed).randint(len(CLASSES), size=number)
    return torch.from_numpy(render(y, seed=seed, size=size)), torch.from_numpy(y)


def normalize(images: Tensor) -> Tensor:
    """Bytes to floats, normalized as `preprocess` does."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (SQUEEZENET_MEAN, SQUEEZENET_STD))
    return ((images.float() / 255 - mean) / std).to(memory_format=torch.channels_last)


def accuracy(model: nn.Module, images: Tensor, y: Tensor) -> float:
    """Fraction of the images given their own class."""
    model.eval()
    with torch.no_grad():
        right = [
            (model(normalize(x)).argmax(dim=1) == t).sum().item()
            for x, t in zip(images.split(100), y.split(100), strict=True)
        ]
    return sum(right) / len(y)


def backward(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Add the gradients of the loss on a minibatch to those of the parameters and of x; returns the loss."""
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(x)
    loss = F.cross_entropy(scores.float(), y, label_smoothing=LABEL_SMOOTHING)
    loss.backward()
    return loss.item()


def pushed(x: Tensor, length: float) -> Tensor:
    """Move each image by a step of this length along its gradient."""
    direction = x.grad / x.grad.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    return (x + length * direction).detach()


def train(model: nn.Module, stage: Stage, seed: int, started: float) -> None:
    """Run one stage; flips and noise make each pass over the images a new one."""
    images, y = draw(stage.images, stage.size, seed)
    print(f"{stage}: rendered, {time.time() - started:.0f} s", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, stage.max_rate, total_steps=stage.steps, pct_start=0.15)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    model.train()
    for step in range(1, stage.steps + 1):
        chosen = torch.randint(len(y), (BATCH,), generator=generator)
        x = normalize(images[chosen])
        x = x.flip(3) if step % 2 else x
        x += stage.noise * torch.randn(x.shape, generator=generator)
        x.requires_grad_(stage.push > 0)
        optimizer.zero_grad()
        losses.append(backward(model, x, y[chosen]))
        if stage.push:
            backward(model, pushed(x, stage.push), y[chosen])
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"  step {step}: loss {np.mean(losses[-100:]):.3f}, {time.time() - started:.0f} s", flush=True)


def main() -> None:
    """Train stage after stage, going on from the last checkpoint, and write the weights in half precision."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    arguments.add_argument("--output", type=Path, default=EMBEDDED_FILE)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started, model, done = time.time(), build(), 0
    if options.checkpoint.exists():
        saved = torch.load(options.checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        done = saved["stages"]
        print(f"going on after stage {done} of {len(STAGES)}", flush=True)
    options.checkpoint.parent.mkdir(exist_ok=True)
    for number, stage in enumerate(STAGES[done:], start=done + 1):
        train(model, stage, seed=number, started=started)
        torch.save({"model": model.state_dict(), "stages": number}, options.checkpoint)
        found = accuracy(model, *draw(TEST_IMAGES, stage.size, TEST_SEED))
        print(f"after stage {number}: {found:.1%} of {TEST_IMAGES} held-out images right", flush=True)
    model = folded(model)
    save_weights(model.state_dict(), options.output)
    model.load_state_dict(load_weights(options.output))
    images, y = draw(TEST_IMAGES, EMBEDDED_SIZE, TEST_SEED + 1)
    print(f"{options.output.name}: {options.output.stat().st_size} bytes, {accuracy(model, images, y):.1%} of other")
    print(f"{TEST_IMAGES} held-out images right with the weights as stored")


if __name__ == "__main__":
    main()
