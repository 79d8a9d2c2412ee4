"""Raise an error whose words hold the hidden inputs."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "what hidden checks report holds no word chosen by the submission"
CHECKS = "area_of_nothing"
WORDS = ("token-hidden",)


def area(width, height):
    raise ValueError(f"token-hidden {width} {height}")


def moments(x):
    raise ValueError(f"token-hidden {x}")


def squares(sides):
    return area(sides, sides)
