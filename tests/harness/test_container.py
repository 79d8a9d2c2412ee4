"""The zip, unpacked as Gradescope does it and run as root under its limits: valid results, whatever is handed in."""

import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.course.manifest import Manifest
from grader.grading import mistakes
from grader.grading import submission as inside
from grader.release import bundle
from tests.harness.box import Box
from tests.harness.results import valid
from tests.harness.unpacking import unpack

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a container's limits need Linux and root"
)
SECONDS = 900  # where the machine is busy


@dataclass
class Container:
    """A folder like /autograder; the interpreter of the tests stands in for the one setup.sh would install."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        places = {
            "CHAINRULE_ROOT": str(self.root),
            "CHAINRULE_PYTHON": sys.executable,
            "TMPDIR": str(self.root / "tmp"),
        }
        return {"PATH": os.environ["PATH"], **places}

    @property
    def results(self) -> dict:
        return valid((self.root / "results/results.json").read_bytes())

    def submit(self, files: dict[str, str | bytes]) -> None:
        """Puts files into submission/, in the place of what was there."""
        shutil.rmtree(self.root / "submission", ignore_errors=True)
        (self.root / "submission").mkdir()
        for name, content in files.items():
            file = self.root / "submission" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def start(self, box: Box) -> subprocess.Popen:
        """Starts run_autograder, from its copy outside of source/, as Gradescope does."""
        command = ["sh", str(self.root / "run_autograder")]
        out = (self.root / "stdout").open("wb")
        return box.start(command, cwd=self.root, env=self.environment, stdout=out, stderr=out)

    def run(self, files: dict[str, str | bytes], cores: float = 0.5) -> dict:
        """Grades a submission and returns its results; run_autograder must end well whatever it is given."""
        self.submit(files)
        with Box(cores=cores) as box:
            assert self.start(box).wait(SECONDS) == 0
        return self.results


def build(manifest: Manifest) -> Container:
    """Builds the zip, unpacks it into a root others may enter, and has setup.sh do all but install."""
    root = Path(tempfile.mkdtemp(prefix="chainrule-container-"))
    root.chmod(0o755)
    (root / "tmp").mkdir(mode=0o1777)
    bundle.write_autograder(manifest, root / "autograder.zip")
    unpack(root / "autograder.zip", root / "source")
    container = Container(root)
    subprocess.run([root / "source/setup.sh"], check=True, env=container.environment)
    shutil.copy(root / "source/run_autograder", root / "run_autograder")
    return container


@pytest.fixture(scope="module")
def shared(copy_of_toy, tmp_path_factory) -> Iterator[Container]:
    """The toy course's container, its time limit shortened."""
    container = build(copy_of_toy(tmp_path_factory.mktemp("course")).manifest)
    yield container
    shutil.rmtree(container.root)


@pytest.fixture
def own(toy) -> Iterator:
    """Builds a container from the toy course after a test has changed it."""
    built = []

    def make() -> Container:
        built.append(build(toy.manifest))
        return built[-1]

    yield make
    for container in built:
        shutil.rmtree(container.root)


SOLUTION = (Path(__file__).with_name("toy") / "solution/shapes.py").read_text()
STUBS = (Path(__file__).with_name("toy") / "student/shapes.py").read_text()


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FORGE = """
import json, os
for place in (ROOT + "/results/results.json", "/autograder/results/results.json", "results.json"):
    try:
        open(place, "w").write(json.dumps({"score": 1000}))
    except OSError:
        pass
"""
FORGE_LATER = """
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        time.sleep(2)
        open(ROOT + "/results/results.json", "w").write("{}")
        os._exit(0)
except OSError:
    pass
"""
GOOD = {
    "a folder": {"student/shapes.py": SOLUTION},
    "a folder one down": {"work/student/shapes.py": SOLUTION},
    "the files themselves": {"shapes.py": SOLUTION},
    "a zip and a document": {"code.zip": zipped({"student/shapes.py": SOLUTION}), "report.pdf": "%PDF-"},
    "several folders": {"student/shapes.py": SOLUTION, "mywork/shapes.py": STUBS, "notes/a.txt": "x"},
}
BAD = {
    "stubs": ({"student/shapes.py": STUBS}, "Next: write shapes.area"),
    "syntax error": ({"student/shapes.py": "def area(:\n"}, "Published checks: 0 of 5 points."),
    "endless loop at import": ({"student/shapes.py": "while True: pass\n"}, "Published checks: 0 of 5 points."),
    "exit at import": ({"student/shapes.py": "import os\nos._exit(0)\n"}, "Published checks: 0 of 5 points."),
    "filled memory": (
        {"student/shapes.py": f"held = b'x' * (1200 << 20)\n{SOLUTION}"},
        "Published checks: 0 of 5 points.",
    ),
    "broken zip": ({"code.zip": zipped({"student/shapes.py": SOLUTION})[:-30]}, "code.zip is not a whole zip file"),
    "no package": ({"homework/shapes.txt": "x"}, "there is no folder student/ or mywork/ in it"),
    "nothing": ({}, "there is no folder student/ or mywork/ in it"),
}


@pytest.mark.parametrize("files", GOOD.values(), ids=GOOD)
def test_solution_earns_every_point(shared, files):
    result = shared.run(files, cores=0.5 if files is GOOD["a folder"] else 2)
    assert (result["score"], result["extra_data"]["complete"]) == (8, True), result["output"]
    assert "Published checks: 5 of 5 points, all passed." in result["output"]


@pytest.mark.parametrize("files, words", BAD.values(), ids=BAD)
def test_submission_without_merit_earns_nothing(shared, files, words):
    result = shared.run(files, cores=0.5 if "while True" in str(files) else 2)
    assert (result["score"], result["extra_data"]["complete"]) == (0, True), result["output"]
    assert words in result["output"]
    assert sum(test["score"] for test in result["tests"]) == 0


def test_demonstration_earns_what_its_mistake_leaves(shared, toy, tmp_path):
    mistakes.build_demo(toy.manifest, mistakes.choose_for_demo(toy.manifest), tmp_path / "demo.zip")
    result = shared.run({"demo.zip": (tmp_path / "demo.zip").read_bytes()})
    scores = {name: score for test in result["tests"] for name, score in test["extra_data"]["checks"].items()}
    lost = {name for name, score in scores.items() if not score}
    assert lost == {cost for mistake in mistakes.choose_for_demo(toy.manifest) for cost in mistake.costs}
    assert "hint: Your variance equals one divided by N - 1." in str(result["tests"])
    assert 0 < result["score"] == 8 - sum(test["max_score"] - test["score"] for test in result["tests"]) < 8
    assert all(
        (test["status"] == "failed") == any(n in lost for n in test["extra_data"]["checks"]) for test in result["tests"]
    )


@pytest.mark.parametrize(
    "attack", [FORGE, FORGE_LATER, f"import atexit\natexit.register(exec, {FORGE!r}, dict(ROOT=ROOT))"]
)
def test_forged_results_do_not_stand(shared, attack):
    files = {"student/shapes.py": f"ROOT = {str(shared.root)!r}\n{attack}\n{SOLUTION}"}
    result = shared.run(files, cores=2)
    assert result["score"] == 8, result["output"]
    time.sleep(2.5 if attack is FORGE_LATER else 0.2)
    assert shared.results == result


def begin(container: Container, box: Box) -> subprocess.Popen:
    """Starts a run and waits for its first results."""
    shutil.rmtree(container.root / "results", ignore_errors=True)
    process = container.start(box)
    while not (container.root / "results/results.json").exists():
        time.sleep(0.001)
    return process


def whole_run(container: Container) -> float:
    """The seconds from the first results of a run to its end."""
    with Box(cores=2) as box:
        process = begin(container, box)
        started = time.monotonic()
        assert process.wait(SECONDS) == 0
        return time.monotonic() - started


def test_results_are_valid_after_a_kill_at_any_moment(shared, request):
    shared.submit({"student/shapes.py": SOLUTION})
    draw = random.Random(5)
    counts = []
    whole = whole_run(shared)
    kills = 50 if request.config.getoption("--slow") else 5
    for number in range(kills):
        with Box(cores=2) as box:
            process = begin(shared, box)
            time.sleep(whole * (number + draw.random()) / kills)
            box.kill()
            process.wait()
        result = shared.results
        assert (
            result.get("extra_data", {}).get("complete") or "did not finish" in result["output"] or not result["tests"]
        )
        counts.append(sum(len(test["extra_data"]["checks"]) for test in result["tests"]))
    assert len(set(counts)) > 1, f"every kill came at the same point, after {counts[0]} checks"


def test_run_ends_by_itself_with_what_it_has(toy, own):
    toy.replace("assignment.toml", "run_seconds = 60", "run_seconds = 60\n[container]\nseconds = 60\nreserve = 44")
    slow = f"import time\n{SOLUTION}".replace("    areas_of", "    time.sleep(0.9)\n    areas_of")
    result = own().run({"student/shapes.py": slow})
    assert 0 < result["score"] < 8
    assert "checks were not run: the time was used up by those before." in result["output"]
    assert result["extra_data"]["complete"]


@pytest.mark.slow
def test_stuck_grader_is_stopped_and_leaves_what_it_has(toy, own):
    toy.replace("assignment.toml", "run_seconds = 60", "run_seconds = 60\n[container]\nseconds = 60\nreserve = 44")
    toy.replace("checks/hidden/test_q2_moments.py", "    x = 1e6", "    __import__('time').sleep(99)\n    x = 1e6")
    started = time.monotonic()
    result = own().run({"student/shapes.py": SOLUTION})
    assert 36 < time.monotonic() - started < 58  # between half the reserve and the container's end
    assert result["score"] == 7
    assert result["output"].startswith("Grading did not finish; the points are those of the checks that have run.\n")
    assert "The run was stopped from outside" in result["output"]


def test_termination_leaves_what_there_is(toy, own):
    toy.replace("checks/hidden/test_q2_moments.py", "    x = 1e6", "    __import__('time').sleep(99)\n    x = 1e6")
    container = own()
    container.submit({"student/shapes.py": SOLUTION})
    with Box(cores=2) as box:
        process = container.start(box)
        while not (container.root / "results/results.json").exists() or not container.results["tests"]:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(SECONDS) == 0
    assert container.results["score"] > 0
    assert "The run was stopped from outside" in container.results["output"]


def test_grader_that_is_broken_says_so(toy, own):
    container = own()
    (container.root / "source/assignment.toml").write_text("points = = 8")
    result = container.run({"student/shapes.py": SOLUTION})
    assert (result["score"], result["output"]) == (0, "The grader ended before it began; tell the staff.")
    assert "cannot run: " in (container.root / "stdout").read_text()
    assert "the grader ended with status 2" in (container.root / "stdout").read_text()


def test_check_that_does_not_load_is_not_quoted_to_students(toy, own):
    toy.replace("checks/hidden/test_q2_moments.py", "    x = 1e6", "    y = = 1e6")
    container = own()
    result = container.run({"student/shapes.py": SOLUTION})
    assert "The grader could not go on: " in result["output"]
    assert not result["extra_data"]["complete"]
    assert "1e6" not in result["output"]
    assert "1e6" in (container.root / "stdout").read_text()


def test_metadata_may_be_anything(shared):
    file = shared.root / "submission_metadata.json"
    for content in (b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b"null"):
        file.write_bytes(content)
        assert inside.read_metadata(file) == {}
    assert shared.run({"student/shapes.py": STUBS}, cores=2)["extra_data"]["complete"]
    file.unlink()
    assert inside.read_metadata(file) == {}


def test_setup_tries_what_each_run_begins_with(shared):
    source = shared.root / "source"
    (code,) = re.findall(r"-E -s -c '([^']*)'", (source / "setup.sh").read_text())
    subprocess.run([sys.executable, "-E", "-s", "-c", code], cwd=source, check=True)


def test_secrets_are_closed_and_the_engine_is_open(shared):
    source = shared.root / "source"
    for name in ("solution", "solution/shapes.py", "checks/public", "checks/hidden/test_q2_moments.py"):
        assert (source / name).stat().st_mode & 0o077 == 0, name
    for name in ("", "grader", "grader/__main__.py", "assignment.toml"):
        assert (source / name).stat().st_mode & 0o055 in (0o055, 0o044), name


@pytest.mark.slow
@pytest.mark.parametrize("kind, score", [("reference", 100), ("stubs", 0)])
def test_real_course(kind, score):
    from grader.course import manifest as manifests

    manifest = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
    container = build(manifest)
    package = manifest.path("reference" if kind == "reference" else "student")
    kept = [f for kind in ("*.py", "*.pt") for f in package.rglob(kind)]
    files = {f"student/{f.relative_to(package).as_posix()}": f.read_bytes() for f in kept}
    try:
        result = container.run(files)
        assert result["score"] == score, result["output"]
    finally:
        shutil.rmtree(container.root)
