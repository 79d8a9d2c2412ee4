"""What a check of a notebook is called, and the calls in which its name stands."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from ..course.manifest import Manifest, ManifestError
from ..course.source import locate


CHECK = re.compile(r"^[^#\n]*\bgrader\.check\(\s*[\"']([^\"']*)[\"']", re.MULTILINE)  # a call that is not commented out


def check_name(manifest: Manifest, question: str, function: str) -> str:
    """`q2_net_loss` of question Q2 and `nets.Net.loss`: the question, the class and the function in snake case."""
    try:
        path = locate(manifest.path("student"), function)[1]
    except LookupError as error:
        raise ManifestError(f"{error}; mend the name, or generate the package first") from None
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", part).strip("_") for part in path]
    return "_".join([question, *words]).lower()


def nearest(name: str, names: Collection[str]) -> str:
    """The remedy for a wrong name."""
    near = get_close_matches(name, names, n=3)
    return f"perhaps {' or '.join(near)}" if near else "the names are those of the files in notebooks/tests"
