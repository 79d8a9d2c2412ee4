"""Lists the points that trivial packages earn: `python -m tests.harness.trivial [Q1 …]`."""

import sys
import tempfile
from pathlib import Path

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.grading import run

from . import KINDS, build

manifest = manifests.load_manifest(Path(__file__).parents[3] / manifests.FILENAME)
for kind in KINDS:
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        package = build(manifest, Path(folder) / "student", kind)
        record = run.grade_package(manifest, package, Selection(sys.argv[1:]), keep=True)
    print(f"{kind}: {record.score} of {record.max_score}")
    for check in record.checks:
        if check.score:
            print(f"  {check.score:>5} {check.id}")
