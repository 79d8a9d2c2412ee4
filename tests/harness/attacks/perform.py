"""Performs attacks in one tier, one after the other, and says what came of each; runs in a process of its own."""

import contextlib
import dataclasses
import json
import os
import shutil
import time
import traceback
from collections.abc import Callable

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.errors import SandboxError, WorkerCrashed, WorkerError, WorkerRaised, WorkerTimeout
from grader.grading import run
from grader.results import gradescope
from grader.results import record as records
from grader.sandbox.parent.client import launch_worker

from .runner import HERE, TIERS, Attack, Result, load
from .stage import GROWTH, LIMITS, Stage, differences, memory, peak

LATE = 20.0  # seconds of a busy machine; what hangs, hangs for longer
SOON = 0.7  # seconds allowed to what is known to use all it is allowed
GRADE_SECONDS = 90.0
OUTPUT_CAP = 64 * 1024


def perform(tier: str, names: list[str], show: Callable[[Result], None]) -> None:
    """Runs the named attacks on one stage; a stage that an attack has harmed is repaired before the next."""
    stage = Stage(TIERS[tier]())
    try:
        for name in names:
            attack, started = load(name), time.monotonic()
            try:
                outcome, evidence = {"act": act, "grade": grade, "official": grade}[attack.kind](stage, attack)
            except Exception:
                outcome, evidence = "succeeded", f"the grader raised: {traceback.format_exc()[-600:]}"
            show(Result(name, tier, outcome, evidence, round(time.monotonic() - started, 2)))
            stage.end_survivors()
            stage.heal()
    finally:
        stage.close()


def act(stage: Stage, attack: Attack) -> tuple[str, str]:
    """Has a worker call `attack` and compares the stage before and after."""
    tools = (HERE / "tools.py").read_text()
    package = stage.package(attack.name, {"act.py": attack.source.read_text(), "tools.py": tools, **attack.files})
    before, resident, started = stage.photograph(package), memory(), time.monotonic()
    said, story, ending = None, "", "refused"
    limits = dataclasses.replace(LIMITS, call_seconds=SOON) if attack.outcome == "ended" else LIMITS
    worker = launch_worker(stage.zygotes.get(attack.libraries), package, "handin", limits)
    try:
        worker.load(attack.libraries)
        worker.start(1)
        said = worker.root().act.attack(stage.target(package))
        worker.root().seed(1)  # which frames sent unasked would answer
        story = f"returned {said!r:.200}"
    except (WorkerTimeout, WorkerCrashed) as error:
        ending, story = "ended", str(error)
    except WorkerRaised as error:
        story = f"{error.kind}: {error.text}"
    except WorkerError as error:
        story = str(error)
    seconds = time.monotonic() - started
    worker.kill()
    with contextlib.suppress(SandboxError):  # where an attack has ended the zygote
        worker.process.status()
    time.sleep(attack.after)
    proofs = differences(before, stage.photograph(package))
    text = f"{said} {worker.process.output.text.decode(errors='replace')}"
    proofs += [f"the token of {name} came out" for name, token in stage.tokens.items() if token in text]
    proofs += ["said so"] * (attack.proof == "said" and bool(said))
    proofs += ["the grader waited too long"] * (seconds > 2 * LIMITS.call_seconds + LATE)
    proofs += ["the grader kept what it was sent"] * (memory() - resident > GROWTH)
    proofs += ["more output was kept than is allowed"] * (len(worker.process.output.text) > OUTPUT_CAP)
    return ("succeeded" if proofs else ending), "; ".join([*proofs, story])


def grade(stage: Stage, attack: Attack) -> tuple[str, str]:
    """Grades a submission as the engine does, with public and hidden checks and secret seeds, and reads the record.

    An official run may be refused, where the stage is too open for it.
    """
    folder = stage.course / "student"
    shutil.rmtree(folder)
    package = stage.package(attack.name, {"shapes.py": attack.source.read_text(), **attack.files})
    shutil.copytree(package, folder)
    before, most, started = stage.photograph(package), peak(), time.monotonic()
    chosen = Selection(keyword=attack.checks, secret_seeds=["one", "two"])
    manifest = manifests.load_manifest(stage.course / manifests.FILENAME)
    try:
        official = attack.kind == "official"
        record = run.grade_package(manifest, folder, chosen, zygotes=stage.for_grading, official=official)
    except SandboxError as refusal:
        return "refused", str(refusal)
    seconds, outcomes = time.monotonic() - started, {check.outcome for check in record.checks}
    stage.for_grading.cpu_seconds()  # which is answered once all workers that were ended are collected
    time.sleep(attack.after)
    proofs = differences(before, stage.photograph(package))
    earned = [check for check in record.checks if _gained(check) and not check.id.endswith(attack.honest)]
    proofs += [f"{check.id} is {check.outcome}" for check in earned]
    proofs += ["it earned points"] * (record.score > len(attack.honest))
    proofs += ["the record is not complete"] * (not record.complete or not record.checks)
    proofs += ["the run took too long"] * (seconds > GRADE_SECONDS)
    proofs += [f"the grader took {(peak() - most) >> 20} MB"] * (peak() - most > GROWTH)
    json.loads(records.to_json(record))
    report = gradescope.render_results(record, manifest).decode()
    proofs += [f"the report holds {word}" for word in attack.words if word in report]
    messages = "; ".join(f"{check.outcome}: {check.message:.160}" for check in record.checks[:1])
    return ("succeeded" if proofs else " or ".join(sorted(outcomes))), "; ".join([*proofs, messages])


def _gained(check: records.CheckResult) -> bool:
    return check.outcome in ("passed", "grader_error")


def on_stage(tier: str, names: list[str]) -> None:
    """Performs for another process, one line of JSON a result."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no result

    def show(result: Result) -> None:
        print(json.dumps(result.__dict__), file=out, flush=True)

    perform(tier, names, show)
