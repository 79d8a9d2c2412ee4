"""Keeps the modules that tests have imported from those that a worker in this very process loads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from grader.course.manifest import Manifest


@contextmanager
def own_modules(manifest: Manifest) -> Iterator[None]:
    """Puts back, at the end, the modules of the reference and of the student's package as they were."""
    tops = {manifest.path("reference").name, *manifest.submission.packages}
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
            del sys.modules[name]
        sys.modules.update(before)
