"""Rehearses Gradescope: builds the zip, installs it into a bare Debian or Ubuntu, and grades three submissions.

`python -m tests.harness.rehearsal`, as root on Debian or Ubuntu. The bare system is of the suite that runs here, from
the mirror apt uses here. setup.sh gets a folder of wheels which this machine's pip has downloaded; grading runs as root
in process, mount and network namespaces of its own, under a container's limits of memory and CPU.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grader.course import manifest as manifests
from grader.course.manifest import Manifest
from grader.grading import mistakes
from grader.release import bundle
from grader.results.terminal import StatusLine
from tests.harness.box import Box
from tests.harness.results import valid
from tests.harness.unpacking import unpack

BOOTSTRAP_SECONDS, SETUP_SECONDS, RUN_SECONDS = 900, 900, 300
HOST_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    """Runs the rehearsal; exit 1 when a submission did not get its points or took too long."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--base", type=Path, help="a bare system's folder to copy, instead of making one")
    options.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where there is room")
    options.add_argument("--pip-flags", help="pip's flags for setup.sh, instead of a folder of downloaded wheels")
    options.add_argument("--memory", type=int, default=768, help="megabytes")
    options.add_argument("--cores", type=float, default=0.5)
    chosen = options.parse_args()
    for place in filter(None, (chosen.base, chosen.folder)):
        if not place.is_dir():
            options.error(f"{place} is not a folder; give one that is there")
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("the rehearsal needs root on Debian or Ubuntu; use the tests of the container instead")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was made is removed
    work = Path(tempfile.mkdtemp(prefix="chainrule-rehearsal-", dir=chosen.folder))
    try:
        sys.exit(rehearse(manifests.load_manifest(manifests.find_manifest(Path.cwd())), work, chosen))
    finally:
        remove(work)


def rehearse(manifest: Manifest, work: Path, chosen: argparse.Namespace) -> int:
    """Builds, installs and grades in `work`; returns 1 when something was not as it should be."""
    root, source = work / "root", work / "root/autograder/source"
    work.chmod(0o755)
    step("a bare system", lambda: copy(chosen.base, root) if chosen.base else bootstrap(root))
    borrow_network(root)
    bundle.write_autograder(manifest, work / "autograder.zip")
    unpack(work / "autograder.zip", source)
    flags = chosen.pip_flags
    if flags is None:
        step("wheels", lambda: download(source, root / "wheels"))
        flags = "--no-index --find-links /wheels"
    install = ["/autograder/source/setup.sh"]
    step("setup.sh", lambda: inside(root, install, SETUP_SECONDS, PIP_FLAGS=flags, **proxies()))
    step("setup.sh again", lambda: inside(root, install, SETUP_SECONDS, PIP_FLAGS=flags, **proxies()))
    shutil.copy(source / "run_autograder", root / "autograder/run_autograder")
    print(f"\n{'submission':<12}{'score':>8}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}  limits", flush=True)
    return max([grade(root, name, files, right, chosen) for name, files, right in submissions(manifest, work)])


def submissions(manifest: Manifest, work: Path):
    """The reference, the demonstration and the stubs, with the judgement of their scores."""
    package = manifest.submission.packages[0]
    most = manifest.points
    yield "reference", {package: manifest.path("reference")}, lambda score: score == most
    archive = work / "demo.zip"
    mistakes.build_demo(manifest, mistakes.choose_for_demo(manifest), archive)
    yield "mistakes", {"demo.zip": archive}, lambda score: 0 < score < most
    yield "stubs", {package: manifest.path("student")}, lambda score: score == 0


def grade(root: Path, name: str, files: dict[str, Path], right, chosen: argparse.Namespace) -> int:
    """Runs run_autograder on one submission, prints what it took, and returns whether something is wrong."""
    submission, results = root / "autograder/submission", root / "autograder/results/results.json"
    shutil.rmtree(submission, ignore_errors=True)
    shutil.rmtree(results.parent, ignore_errors=True)
    submission.mkdir()
    for target, place in files.items():
        copy(place, submission / target) if place.is_dir() else shutil.copy(place, submission / target)
    started = time.monotonic()
    with Box(chosen.memory, chosen.cores) as box, (root / "stdout").open("wb") as out, StatusLine() as line:
        line.step(f"grading the {name}")
        process = box.start(
            entered(root, ["/autograder/run_autograder"], "--net"), env={"PATH": PATH}, stdout=out, stderr=out
        )
        try:
            process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{name}: not done after {RUN_SECONDS} s", file=sys.stderr)
        seconds, cpu, peak = time.monotonic() - started, box.cpu_seconds(), box.peak_mb()
    found = valid(results.read_bytes())
    good = right(found["score"]) and found["extra_data"]["complete"] and process.returncode == 0
    limits = f"{chosen.memory} MB, {chosen.cores:g} cores by {box.kind}"
    print(f"{name:<12}{found['score']:>8}{seconds:>8.1f}{cpu:>8.1f}{peak:>9.0f}  {limits}", flush=True)
    if name == "reference":
        print(f"{'':<12}isolation: {', '.join(found['extra_data']['isolation'])}")
    if not good:
        print(f"{name}: not as expected: {found['output']}\n{(root / 'stdout').read_text()[-3000:]}", file=sys.stderr)
    return 0 if good else 1


def bootstrap(root: Path) -> None:
    """Makes a bare system of the suite and from the mirror of this one."""
    if not shutil.which("debootstrap"):
        run(["apt-get", "update", "-qq"], 300)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "debootstrap"], 300)
    release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    suite = release["VERSION_CODENAME"].strip('"')
    targets = run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(SITE) $(COMPONENT)", "Created-By: Packages"], 60
    )
    known = [line.split() for line in targets.splitlines() if len(line.split()) == 3]
    sites = [site for name, site, _ in known if name == suite]
    if not sites:
        sys.exit(f"apt knows no mirror of {suite}; run apt-get update, or give a bare system with --base")
    used = [(name, part) for name, site, part in known if site == sites[0] and name in (suite, f"{suite}-updates")]
    parts = ",".join(dict.fromkeys(part for _, part in used))
    build = ["debootstrap", "--variant=minbase", f"--components={parts}", suite, str(root), sites[0]]
    run(["unshare", "--mount", *build], BOOTSTRAP_SECONDS)
    lines = [f"deb {sites[0]} {name} {part}\n" for name, part in dict.fromkeys(used)]
    (root / "etc/apt/sources.list").write_text("".join(lines))


def borrow_network(root: Path) -> None:
    """Gives the bare system this one's names, certificates and apt settings, for as long as it is being set up."""
    for file in HOST_FILES:
        if Path(file).is_file():
            (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / file[1:])
    settings = run(["apt-config", "dump", "Acquire"], 60)
    (root / "etc/apt/apt.conf.d/90host").write_text(settings)


def download(source: Path, wheels: Path) -> None:
    """Has this machine's pip fetch the pinned wheels."""
    pins = ["--constraint", str(source / "constraints.txt"), "--requirement", str(source / "requirements.txt")]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(wheels)]
    run([*pip, *pins], SETUP_SECONDS)


def proxies() -> dict[str, str]:
    """The proxies this machine goes by."""
    return {name: os.environ[name] for name in PROXIES if name in os.environ}


def inside(root: Path, command: list[str], seconds: int, **environment: str) -> None:
    """Runs a command in the bare system, with the network."""
    run(entered(root, command), seconds, {"PATH": PATH, **environment})


def entered(root: Path, command: list[str], *namespaces: str) -> list[str]:
    """The command line that runs a command in the bare system; its mounts and processes end with it."""
    script = 'mount -t proc proc "$1/proc" && cd / && root=$1 && shift && exec chroot "$root" "$@"'
    spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *namespaces]
    return [*spaces, "sh", "-c", script, "sh", str(root), *command]


def run(command: list[str], seconds: int, environment: dict[str, str] | None = None) -> str:
    """Runs a command to its end and returns what it printed; what fails ends the rehearsal with its last words."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        sys.exit(f"{command[0]} was not done after {seconds} s: {' '.join(command)}")
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def step(name: str, work) -> None:
    """Does one step and says how long it took."""
    started = time.monotonic()
    with StatusLine() as line:
        line.step(name)
        work()
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


def copy(place: Path, target: Path) -> None:
    """Copies a folder with its modes and device files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", str(place), str(target)], SETUP_SECONDS)


def remove(work: Path) -> None:
    """Removes the folder, unless something is still mounted in it."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(work) in line]
    if mounted:
        print(f"left in place, since something is mounted there: {', '.join(mounted)}", file=sys.stderr)
    else:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
