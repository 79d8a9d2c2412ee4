"""Hand in modules named like those the grader and its libraries import."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "the submission's folder is on no path of the grader"
FILES = {
    "numpy.py": "raise SystemExit('shadowed')\n",
    "json.py": "raise SystemExit('shadowed')\n",
    "pytest.py": "raise SystemExit('shadowed')\n",
    "sitecustomize.py": "raise SystemExit('shadowed')\n",
    "struct.py": "raise SystemExit('shadowed')\n",
}


def area(width, height):
    return 1.0


def moments(x):
    return 1.0, 1.0


def squares(sides):
    return area(sides, sides)
