"""What hidden checks and secret seeds report holds no byte that a submission chose, but an error's power of ten."""

import re
import shutil
import string
from collections import defaultdict
from pathlib import Path

import pytest

from grader.checks import messages
from grader.checks.choice import Selection
from grader.checks.context import RunContext
from grader.checks.judge import Judge
from grader.checks.messages import Sentence
from grader.checks.plugin import ChecksPlugin
from grader.course import manifest as manifests
from grader.grading.run import Progress, new_record, run_checks
from grader.sandbox.parent.zygote_pool import ZygotePool
from tests.harness.loaded import own_modules

ROOT = Path(__file__).parents[2]
ODD = Path(__file__).with_name("odd_answers.py")
KINDS = ("shape", "dtype", "count", "keys", "raises", "value", "text", "class", "not finite")
# what a brief form may name: the check's own words, the manifest's, an error's power of ten, the step of a scale
SAFE = {"name", "other", "asked", "wanted", "low", "high", "brief", "magnitude", "rel", "brief_hint"}
SAFE |= {"title", "file", "allowed", "limit", "opponent", "earned", "points", "next", "more"}
SIZE = re.compile(r"(about 1e[+-]\d\d|above 10)(?= \(allowed)")


class Listening(Judge):
    """Keeps the brief form of each verdict, which is what a secret seed would show."""

    def __init__(self, context, heard):
        super().__init__(context)
        self.heard = heard

    def write(self, running, found):
        self.heard[running.check.id] = found.brief
        super().write(running, found)


def briefs(folder: Path, kind: str, seed: int) -> dict[str, str]:
    """The brief forms of all checks on a package whose functions answer oddly; a check that passes has none."""
    manifest = manifests.load_manifest(ROOT / "assignment.toml")
    package = shutil.copytree(ROOT / "reference", folder / str(seed) / "student")
    odd = ODD.read_text().replace('KIND, SEED = "shape", 0', f'KIND, SEED = "{kind}", {seed}')
    (package / "odd_answers.py").write_text(odd)
    modules = defaultdict(list)
    for name in manifest.functions():
        parts = name.split(".")
        length = next(n for n in range(len(parts), 0, -1) if package.joinpath(*parts[:n]).with_suffix(".py").is_file())
        modules["/".join(parts[:length])].append(".".join(parts[length:]))
    for module, names in modules.items():
        with (package / f"{module}.py").open("a") as file:
            file.write(f"\n\nfrom {'.' * (1 + module.count('/'))}odd_answers import wrap\n\nwrap({names}, globals())\n")
    heard: dict[str, str] = {}

    def make(*arguments, **keywords):
        plugin = ChecksPlugin(*arguments, **keywords)
        plugin.judge = Listening(plugin.context, heard)
        return plugin

    zygotes = ZygotePool()
    context = RunContext(manifest, package, zygotes, in_process=True, second_looks=False)
    progress = Progress(new_record(manifest, "check", "student"), manifest, None)
    try:
        with own_modules(manifest):
            run_checks(context, Selection(timing=False, keyword="not challenge_accuracy"), progress, make)
    finally:
        progress.close()
        context.close()
        zygotes.close()
    return {name: SIZE.sub("some size", brief) for name, brief in heard.items()}


OF_THE_CHECK = {  # places whose words the check or a limit gives
    "NOT_FINITE": {"what"},
    "NOT_ALL_FINITE": {"what"},
    "UNRECORDED": {"why"},
    "ENDINGS-Ending.LATE": {"fact"},
}
TABLES = {name: value for name, value in vars(messages).items() if isinstance(value, dict)}
SENTENCES = {name: value for name, value in vars(messages).items() if isinstance(value, Sentence)}
SENTENCES |= {
    f"{name}-{key}": value
    for name, table in TABLES.items()
    for key, value in table.items()
    if isinstance(value, Sentence)
}


@pytest.mark.parametrize("name", SENTENCES)
def test_brief_forms_have_places_only_for_what_no_answer_can_choose(name):
    places = {place for _, place, _, _ in string.Formatter().parse(SENTENCES[name].brief) if place}
    assert places <= SAFE | OF_THE_CHECK.get(name, set())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_answers_of_one_kind_are_told_in_the_same_words(tmp_path, kind):
    one, other = (briefs(tmp_path, kind, seed) for seed in (1, 2))
    assert len(one) > 100
    differing = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    assert {name: (one.get(name), other.get(name)) for name in differing} == {}
