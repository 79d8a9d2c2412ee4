"""The marker that says what a check is worth and which functions it judges."""

from dataclasses import dataclass

import pytest

MARKER = "points(value, *functions, timing=False, once=False): worth and judged functions"


@dataclass(frozen=True)
class Worth:
    """A marker's content: points, the judged functions' dotted names, whether it is of speed, or runs with one seed."""

    points: float
    functions: tuple[str, ...]
    timing: bool = False
    once: bool = False


def points(value: float, *functions: str, timing: bool = False, once: bool = False) -> pytest.MarkDecorator:
    """Marks a check: `@points(2, "shapes.area")`; `timing=True` if it is of speed, `once=True` if it draws nothing."""
    return pytest.mark.points(value, *functions, timing=timing, once=once)


def worth(item: pytest.Item) -> Worth | None:
    """The marker of a collected check, None where it has none or one without points and a function."""
    mark = item.get_closest_marker("points")
    if mark is None or len(mark.args) < 2 or not isinstance(mark.args[0], (int, float)):
        return None
    return Worth(mark.args[0], mark.args[1:], **mark.kwargs)
