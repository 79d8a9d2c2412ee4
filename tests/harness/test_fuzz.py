"""A long coverage-guided fuzzing of the wire; runs with --slow."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 120


@pytest.mark.slow
def test_nothing_comes_out_of_the_wire_but_errors_of_the_student(tmp_path):
    words = [str(tmp_path / "corpus"), f"-max_total_time={SECONDS}"]
    words += ["-max_len=2048", "-timeout=5", "-rss_limit_mb=1024"]
    command = [sys.executable, "-m", "tests.harness.fuzz_wire", *words, f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS + 120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Done " in done.stderr
