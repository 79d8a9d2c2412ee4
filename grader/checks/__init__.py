"""What a check is written with: the marker `points`, judgements and tensors for torch questions."""

from ..sandbox.wire import Tensor
from .collect import points
from .expect import expect, expect_unchanged_arguments

__all__ = ["Tensor", "expect", "expect_unchanged_arguments", "points"]
