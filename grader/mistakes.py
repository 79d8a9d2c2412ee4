"""Known-wrong implementations as data: each is planted into a copy of the reference, and says which checks it costs."""

import ast
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from . import run
from .checks.context import Zygotes
from .manifest import Manifest, ManifestError


class Mistake(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One wrong implementation: `find` becomes `replace` in `function`, or `append` is put at the module's end."""

    id: str
    title: str
    function: str
    costs: list[str]
    find: str = ""
    replace: str = ""
    append: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    mistake: list[Mistake]


@dataclass
class Trial:
    """What a planted mistake cost against what it should cost."""

    mistake: Mistake
    lost: set[str]
    messages: dict[str, str]

    @property
    def as_expected(self) -> bool:
        return self.lost == set(self.mistake.costs)


def load(manifest: Manifest, question: str) -> list[Mistake]:
    """The mistakes of one question, from `<id>.toml`; raises ManifestError with the file and what is wrong."""
    file = manifest.path("mistakes") / f"{question.lower()}.toml"
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_File).mistake
    except FileNotFoundError:
        raise ManifestError(f"{file}: there are no known mistakes for {question}; write this file") from None
    except msgspec.DecodeError as error:
        raise ManifestError(f"{file}: {error}; mend that entry") from None


def plant(mistake: Mistake, package: Path) -> None:
    """Writes the mistake into a package; raises ManifestError where `find` is not there exactly once."""
    module, path = locate(package, mistake.function)
    source = module.read_text()
    if mistake.append:
        module.write_text(f"{source}\n\n{mistake.append}")
        return
    start, end = span(source, path)
    body = source[start:end]
    if body.count(mistake.find) != 1 or not mistake.find:
        count = body.count(mistake.find) if mistake.find else "no"
        raise ManifestError(f"mistake {mistake.id}: {count} places match `find` in {mistake.function}; it must be one")
    module.write_text(source[:start] + body.replace(mistake.find, mistake.replace) + source[end:])


def locate(package: Path, function: str) -> tuple[Path, list[str]]:
    """The module's file and the path inside it of a dotted name such as `classifiers.net.Net.loss`."""
    parts = function.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = package.joinpath(*parts[:cut]).with_suffix(".py")
        if module.is_file():
            return module, parts[cut:]
    raise ManifestError(f"{function}: no module of that name in {package}; mend the name")


def span(source: str, path: list[str]) -> tuple[int, int]:
    """Where a function stands in a source, as character offsets; raises ManifestError when it does not."""
    node: ast.AST = ast.parse(source)
    for name in path:
        found = [child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == name]
        if not found:
            raise ManifestError(f"{'.'.join(path)}: no function of that name; mend the name")
        node = found[-1]
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: node.lineno - 1])), sum(map(len, lines[: node.end_lineno]))


def copy_reference(manifest: Manifest, target: Path) -> Path:
    """Copies the reference, without data, to where mistakes can be planted."""
    return Path(
        shutil.copytree(manifest.path("reference"), target, ignore=shutil.ignore_patterns("__pycache__", "datasets"))
    )


def trial(manifest: Manifest, mistake: Mistake, question: str, folder: Path, zygotes: Zygotes | None = None) -> Trial:
    """Plants one mistake and runs the question's checks on it."""
    package = copy_reference(manifest, folder / mistake.id / manifest.submission.packages[0])
    plant(mistake, package)
    record = run.grade(manifest, package, run.Selection([question]), zygotes=zygotes)
    shutil.rmtree(folder / mistake.id)
    failed = {check.id: check.message for check in record.checks if check.outcome != "passed"}
    return Trial(mistake, set(failed), failed)
