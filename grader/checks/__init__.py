"""Write a check in a few lines, run it with pytest, and decide and word its verdict."""

from ..sandbox.wire import Tensor
from .collect import points
from .expect import expect, expect_unchanged_arguments

__all__ = ["Tensor", "expect", "expect_unchanged_arguments", "points"]
