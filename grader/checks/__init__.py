"""What a check is written with: the marker `points`, judgements and tensors for torch questions."""

from ..sandbox.wire import Tensor
from .expect import expect
from .marker import points
from .side_effects import expect_unchanged_arguments

__all__ = ["Tensor", "expect", "expect_unchanged_arguments", "points"]
