# Generated from reference/vision.py by "python -m grader stubs" (unedited: 2fce777053e3)
"""torchvision, made importable beside any build of torch: everything here says `from .vision import torchvision`.

On import, torchvision describes its own operators nms and qnms to torch. Where its compiled part doesn't fit the torch
beside it (PyPI's torchvision with the CPU build of torch) these operators are missing and the import fails
(pytorch/vision issue 9085). Declaring them is enough: nothing here calls them, and data sets, transforms and models
are plain Python.
"""

import importlib

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# Declarations last as long as the library that they were made in.
_library = torch.library.Library("torchvision", "FRAGMENT")


def _declare_missing() -> bool:
    """Declare those of the two operators that torch doesn't know; tells whether there was one."""
    missing = [schema for schema in SCHEMAS if not hasattr(torch.ops.torchvision, schema.partition("(")[0])]
    for schema in missing:
        _library.define(schema)
    return bool(missing)


def import_torchvision():
    """Import torchvision; raises ImportError, in one sentence, where it is missing or doesn't fit torch."""
    try:
        # Tried first: where its compiled part fits, torchvision declares the operators itself, and may only once.
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "does not exist" in str(error) and _declare_missing():
            return import_torchvision()
        reason = error
    except ImportError as error:
        reason = error
    raise ImportError(
        f"torchvision can't be imported beside torch {torch.__version__} ({reason}); install a matching pair, such as "
        "the one that constraints.txt names."
    ) from reason


torchvision = import_torchvision()
