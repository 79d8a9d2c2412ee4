"""Runs hostile modules in tiers of isolation and decides, from outside, whether one got anything."""

import ast
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.sandbox.policy import Policy

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
MODULES = HERE / "modules"
NOBODY = 65534
SECRET = "CHAINRULE_SECRET"
TIER_SECONDS = 1500
WORKS = "works"
TIERS = {
    "open": Policy.open,
    "root": Policy.full,
    "root, no landlock": lambda: Policy.full().without("landlock"),
    "user": Policy.full,
    "user, no landlock": lambda: Policy.full().without("landlock"),
}
NEVER_LEAK = ("root", "user")


@dataclass(frozen=True)
class Attack:
    """One hostile module and what its constants say; read from its text, never imported here.

    `kind` is "act" (a worker calls it), "grade" (it is a submission) or "official" (so it is, in a run that is refused
    where the place is too open). `outcome` is what it must come to, "crashed or timeout" where it may be either, and
    `opens` that it works where nothing stops it, or why not even there. `proof` is "outside" (only what the runner
    sees counts) or "said" (what it returns counts too), `after` the seconds the runner waits before it looks. `leaks`
    gives, by tier, the reason why it is known to get through. `checks` is the pytest expression of the checks that a
    submission must not pass, but for the `honest` ones, of a point each. `files` is what else lies in its package, and
    `words` what no report of it may hold, since it would carry an input out.
    """

    name: str
    intent: str
    kind: str
    outcome: str
    opens: str
    proof: str = "outside"
    leaks: dict[str, str] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    libraries: tuple[str, ...] = ("numpy",)
    after: float = 0.0
    checks: str = "area_of_nothing or moments_mean"
    honest: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        return MODULES / f"{self.name}.py"


@dataclass
class Result:
    """The result of one attack in one tier: `succeeded`, `refused`, `ended`, or a submission's checks' outcome."""

    name: str
    tier: str
    outcome: str
    evidence: str = ""
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        return self.outcome == "succeeded"


def load(name: str) -> Attack:
    """The attack of that name; raises ValueError where a constant is missing or unknown."""
    tree = ast.parse((MODULES / f"{name}.py").read_text())
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            try:
                constants[node.targets[0].id.lower()] = ast.literal_eval(node.value)
            except ValueError:
                continue
    known = {key: constants[key] for key in Attack.__dataclass_fields__ if key in constants}
    missing = {"kind", "outcome", "open"} - set(constants)
    if missing or not ast.get_docstring(tree):
        raise ValueError(f"{name}: a docstring, KIND, OUTCOME and OPEN are needed; missing: {sorted(missing)}")
    if set(known.get("leaks", {})) & set(NEVER_LEAK):
        raise ValueError(f"{name}: nothing may leak where every layer is on")
    return Attack(name=name, intent=ast.get_docstring(tree).splitlines()[0], opens=constants["open"], **known)


def everything() -> list[Attack]:
    """All attacks by name."""
    return [load(file.stem) for file in sorted(MODULES.glob("*.py"))]


def tiers() -> list[str]:
    """The tiers that this user can have on this machine."""
    if not sys.platform.startswith("linux"):
        return []
    return [tier for tier in TIERS if os.geteuid() == 0 or not tier.startswith("root")]


def skipped(attack: Attack, tier: str) -> str:
    """Why an attack makes no sense in a tier; empty where it does."""
    told_apart = tier in NEVER_LEAK or tier in attack.leaks or (tier == "open" and attack.opens == WORKS)
    if attack.kind == "grade" and not told_apart:
        return "comes to the same as where every layer is on"
    needed = attack.needs.get(tier, attack.needs.get("everywhere", ""))
    if needed == "processors" and len(os.sched_getaffinity(0)) < 2:
        return "needs two processors"
    return "needs root" if needed == "root" and (tier.startswith("user") or os.geteuid() != 0) else ""


def complaint(attack: Attack, result: Result) -> str:
    """What is wrong with a result, empty where it is as the module says."""
    if result.tier == "open":
        if attack.opens == WORKS and not result.succeeded:
            return f"should work where nothing stops it, but: {result.outcome} ({result.evidence})"
        surprising = result.succeeded and attack.opens != WORKS
        return f"succeeded, though {attack.opens}: {result.evidence}" if surprising else ""
    if result.succeeded and result.tier in attack.leaks:
        return ""
    if result.succeeded:
        return f"GOT THROUGH: {result.evidence}"
    if not set(result.outcome.split(" or ")) <= set(attack.outcome.split(" or ")):
        return f"{result.outcome} instead of {attack.outcome}: {result.evidence}"
    return ""


def run_tier(tier: str, attacks: Iterable[Attack]) -> Iterator[Result]:
    """Runs attacks in one tier, in a process of its own; raises Unreachable where the tier cannot be had."""
    names = [attack.name for attack in attacks if not skipped(attack, tier)]
    with tempfile.TemporaryDirectory(prefix="attacks-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        python, repository, options = _interpreter(tier, Path(folder))
        errors = Path(folder, "errors")
        with errors.open("w") as log:
            process = subprocess.Popen(
                [python, "-m", "tests.harness.attacks", "--stage", tier],
                cwd=repository,
                env={
                    "PATH": os.defpath,
                    "PYTHONDONTWRITEBYTECODE": "1",
                    SECRET: token("environ"),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                **options,
            )
            timer = _later(TIER_SECONDS, process)
            process.stdin.write(json.dumps(names).encode())
            process.stdin.close()
            pending = dict.fromkeys(names)
            try:
                for line in process.stdout:
                    result = Result(**json.loads(line))
                    pending.pop(result.name, None)
                    yield result
            finally:
                timer.cancel()
                process.kill()
                process.wait()
        for name in pending:
            yield Result(name, tier, "succeeded", f"the grader's process broke or hung: {errors.read_text()[-400:]}")


def token(name: str) -> str:
    """A word nobody can guess, with the name of where it is kept."""
    return f"token-{name}-{secrets.token_hex(8)}"


def _later(seconds: float, process: subprocess.Popen) -> Any:
    import threading

    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    return timer


class Unreachable(Exception):
    """No interpreter that an ordinary user could start."""


def _interpreter(tier: str, folder: Path) -> tuple[str, Path, dict[str, Any]]:
    """An interpreter and a copy of the repository for the tier, and how the process is to be started."""
    if not tier.startswith("user") or os.geteuid() != 0:
        return sys.executable, REPOSITORY, {}
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    python, repository = sys.executable, REPOSITORY
    libraries = Path(__import__("numpy").__file__).parents[1]
    if not _runs(python, repository, options):
        repository = folder / "repository"
        for part in ("grader", "tests/harness/attacks", "tests/harness/toy"):
            shutil.copytree(REPOSITORY / part, repository / part, ignore=shutil.ignore_patterns("__pycache__"))
    if not _runs(python, repository, options):
        python = _environment(folder / "environment", libraries)
        if not _runs(python, repository, options):
            raise Unreachable(f"no Python {_version()} with numpy that an ordinary user can start")
    return python, repository, options


def _environment(folder: Path, libraries: Path) -> str:
    """A virtual environment on the system's interpreter of the same version, with the libraries of this one."""
    base = Path(f"/usr/bin/python{_version()}")
    place = folder / "lib" / f"python{_version()}"
    place.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (place / "site-packages").symlink_to(libraries)
    return str(folder / "bin" / "python")


def _runs(python: str, repository: Path, options: dict[str, Any]) -> bool:
    try:
        probe = [python, "-c", "import numpy, msgspec, pytest, grader.grading.run, tests.harness.attacks.runner"]
        done = subprocess.run(probe, cwd=repository, env={"PATH": os.defpath}, capture_output=True, **options)
    except OSError:
        return False
    return done.returncode == 0


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"
