# Generated from reference/challenge.py by "python -m grader stubs" (unedited: 94db472972a9)
"""The open challenge of the PyTorch notebook: the network you design, and the file its trained weights travel in."""

import os
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

WEIGHTS = Path(__file__).resolve().with_name("challenge.pt")

# Of CIFAR-10's red, green and blue, values 0..1: the mean, and the deviation within an image, averaged over images.
CHANNEL_MEAN = (0.4914, 0.4822, 0.4465)
CHANNEL_STD = (0.2023, 0.1994, 0.2010)

SAVE_AGAIN = "train a model made by build_model() and run the cell save_model(challenge_model) of 5_PyTorch.ipynb"


def build_model() -> nn.Module:
    """Build your challenge network, untrained.

    It takes normalized images (N, 3, 32, 32) float32 and returns scores (N, 10). Called without arguments wherever its
    weights are loaded, it must always build the same architecture.
    """
    # Write build_model here; tests/public/test_q5_pytorch.py judges it.
    raise NotImplementedError("challenge.build_model")


def normalize(images) -> Tensor:
    """Scale images to 0..1 and normalize each channel, as the challenge network is trained and judged.

    images: array or tensor (N, 3, H, W) uint8. Returns a float32 tensor of that shape.
    """
    x = torch.as_tensor(images).to(torch.float32) / 255
    mean, std = (torch.tensor(values, device=x.device).reshape(3, 1, 1) for values in (CHANNEL_MEAN, CHANNEL_STD))
    return (x - mean) / std


def save_model(model: nn.Module, path: str | PathLike = WEIGHTS) -> None:
    """Save the model's weights (its state dict) to path; written aside first, so it is never half a file."""
    path = Path(path)
    aside = path.with_name(path.name + ".part")
    torch.save({name: value.cpu() for name, value in model.state_dict().items()}, aside)
    os.replace(aside, path)


def load_model(path: str | PathLike = WEIGHTS) -> nn.Module:
    """Build the challenge network and load its weights from path, on the CPU, in eval mode.

    Raises FileNotFoundError where there is no file, ValueError where it is damaged or doesn't fit build_model().
    """
    path, model = Path(path), build_model()
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing: looked for {path}; {SAVE_AGAIN}.")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, depending on what the bytes look like
        raise ValueError(f"{path.name} can't be read as a file of weights; {SAVE_AGAIN}.") from error
    wrong = _misfit(model, weights)
    if wrong:
        raise ValueError(f"{path.name} doesn't fit build_model(): {wrong}; {SAVE_AGAIN}.")
    try:
        model.load_state_dict(weights)
    except Exception as error:  # of many kinds, depending on what PyTorch has no way to copy
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path.name} doesn't fit build_model(): PyTorch can't copy its values ({reason}); {SAVE_AGAIN}."
        ) from error
    return model.eval()


def _misfit(model: nn.Module, weights: object) -> str:
    """Say in a few words how weights differ from the model's state dict; nothing where they fit."""
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    ):
        return "it holds no state dict"
    expected = model.state_dict()
    for what, names in (("lacks", expected.keys() - weights.keys()), ("has unknown", weights.keys() - expected.keys())):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            return f"it {what} {min(names)}{more}"
    for name, value in expected.items():
        unusual = _unusual(weights[name], value)
        if unusual:
            return f"{name} {unusual}, where the model's weights are plain numbers"
        # A lazy layer takes its shape from the weights.
        if not is_lazy(value) and value.shape != weights[name].shape:
            return f"{name} has shape {tuple(weights[name].shape)}, the model's has {tuple(value.shape)}"
    return ""


def _unusual(weight: Tensor, expected: Tensor) -> str:
    """Say what keeps a weight from being copied into the model's, whatever its shape; nothing where it is usual."""
    if weight.is_meta or is_lazy(weight):
        return "holds no values"
    if weight.is_quantized:
        return "is quantized"
    if weight.layout is not torch.strided:
        return "is sparse"
    return "holds complex numbers" if weight.is_complex() and not expected.is_complex() else ""
