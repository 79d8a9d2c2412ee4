"""Lists mutants that no check rejects: `python -m tests.harness.mutants [layers.softmax_loss]`."""

import sys
import time
from pathlib import Path

from grader.course import manifest as manifests

from .survey import EQUIVALENT, QUESTIONS, survey, unexplained

manifest = manifests.load_manifest(Path(__file__).parents[3] / manifests.FILENAME)
found = survey(manifest, [manifest.question(name) for name in QUESTIONS], *sys.argv[1:2])
left = unexplained(found.survivors)
print(f"{found.count} mutants, {len(found.survivors)} survive, {len(left)} of them not listed in {EQUIVALENT.name}")
print(f"{time.process_time():.1f} s of CPU")
print(*left, sep="\n")
