"""Hand in an engine and checks of one's own, and what pytest reads for its settings."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "the submission's folder is on no path of the grader"
FILES = {
    "grader/__init__.py": "raise SystemExit('shadowed')\n",
    "grader/checks/__init__.py": "raise SystemExit('shadowed')\n",
    "conftest.py": "import os\nos._exit(0)\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    "test_q1_rectangles.py": "def test_area():\n    pass\n",
    "assignment.toml": "points = 0\n",
    "solution/shapes.py": "raise SystemExit('shadowed')\n",
}


def area(width, height):
    return 1.0


def moments(x):
    return 1.0, 1.0


def squares(sides):
    return area(sides, sides)
