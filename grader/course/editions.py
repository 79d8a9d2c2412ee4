"""Judge submissions to another year's course: read its edition, and change the manifest and a package to it."""

import pkgutil
import re
import shutil
from pathlib import Path

import msgspec

from ..errors import CourseError, choose
from ..files import advise
from .manifest import point_to, read_toml
from .schema import Edition, LeftOut, Manifest, Question
from .source import read_source

PROMISE = re.compile(rb"""\bpromise=["'](\w+)["']""")
SOLUTION = re.compile(rb"\bBEGIN SOLUTION\b")


def choose_edition(manifest: Manifest, name: str) -> Manifest:
    """Return the manifest by which submissions to this edition are graded; as it is without a name.

    Raise UsageError for an edition that there is not, CourseError for a fault in its file.
    """
    if not name:
        return manifest
    edition = _read_edition(manifest, name)
    wholly = {
        function for entry in edition.left_out for q in entry.questions for function in manifest.question(q).functions
    }
    gone = wholly.union(*(entry.functions for entry in edition.left_out))
    dropped = [question for question in manifest.questions if gone.issuperset(question.functions)]
    kept = [_keep_functions(question, gone) for question in manifest.questions]
    submission = msgspec.structs.replace(
        manifest.submission,
        packages=edition.packages or manifest.submission.packages,
        required=edition.required or manifest.submission.required,
    )
    return msgspec.structs.replace(
        manifest,
        title=edition.title,
        submission=submission,
        questions=[question for question in kept if question.functions],
        layers=[layer for layer in manifest.layers if gone.isdisjoint(layer.passes)],
        budgets=[budget for budget in manifest.budgets if budget.function not in gone],
        edition=msgspec.structs.replace(edition, left_out=_assign(dropped, edition.left_out)),
    )


def place_given(manifest: Manifest, package: Path) -> None:
    """Put the course's own files in the place of those that an edition gives."""
    for name, source in manifest.edition.given.items() if manifest.edition else ():
        place = package / name
        for file in [above for above in place.parents if above.is_relative_to(package) and above.is_file()]:
            file.unlink()
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        place.write_bytes((manifest.root / source).read_bytes())
        place.chmod(0o644)


def list_promises(manifest: Manifest) -> set[str]:
    """Return the kinds of promises that the checks mark."""
    files = [file for kind in ("public", "hidden") for file in sorted(manifest.path(kind).glob("*.py"))]
    return {name.decode() for file in files for name in PROMISE.findall(read_source(file))}


def _read_edition(manifest: Manifest, name: str, above: tuple[str, ...] = ()) -> Edition:
    """Return an edition with all that it has from the one it is like; those `above` are like this one."""
    known = {file.stem: file for file in sorted(manifest.path("editions").glob("*.toml"))}
    file = choose("edition", name, known)
    edition = read_toml(file, Edition)
    if edition.like and (edition.like in (name, *above) or edition.like not in known):
        raise CourseError(f"{file}: like: there is no other edition {edition.like!r}; fix the name")
    if fault := _find_fault(manifest, edition):
        raise point_to(file, fault)
    return _merge(_read_edition(manifest, edition.like, (name, *above)), edition) if edition.like else edition


def _merge(base: Edition, edition: Edition) -> Edition:
    return msgspec.structs.replace(
        edition,
        packages=edition.packages or base.packages,
        required=edition.required or base.required,
        left_out=base.left_out + edition.left_out,
        renamed=base.renamed | edition.renamed,
        given=base.given | edition.given,
        shims=base.shims | edition.shims,
    )


def _find_fault(manifest: Manifest, edition: Edition) -> str:
    """Return the first name in an edition that the course does not have; empty where each has its thing."""
    ids, functions = {question.id for question in manifest.questions}, manifest.functions()
    for number, entry in enumerate(edition.left_out, 1):
        promises = list_promises(manifest) if entry.promises else ()
        for key, known in (("questions", ids), ("functions", functions), ("promises", promises)):
            for name in [name for name in getattr(entry, key) if name not in known]:
                return f"left_out #{number}.{key}: {name}; {advise(name, known)}"
    called = {*functions, *(name.rpartition(".")[0] for name in functions)}  # a class is called too
    for name in edition.renamed:
        if name not in called:
            return f"renamed: {name}; {advise(name, called, 'name a function of the course')}"
    for module, content in edition.shims.items():
        for name, source in content.items():
            try:
                pkgutil.resolve_name(source)
            except (ImportError, AttributeError, ValueError):
                return f"shims: {module}.{name}, which {source} is to answer; name a part of the standard library"
    for name, source in edition.given.items():
        file = manifest.root / source
        if not re.fullmatch(r"\w+(/\w+)*\.py", name) or not file.is_file():
            return f"given: {name}, which {source} is to replace; give a module's path and a file of the course"
        if SOLUTION.search(read_source(file)):
            return f"given: {source} holds a solution; give a file without one"
    return ""


def _assign(dropped: list[Question], left_out: list[LeftOut]) -> list[LeftOut]:
    """Return the entries with the questions that are left out as a whole, each at the first that is about it."""
    entries = []
    for entry in left_out:
        names = {*entry.questions, *entry.functions}
        own = [question for question in dropped if not names.isdisjoint({question.id, *question.functions})]
        dropped = [question for question in dropped if question not in own]
        points = float(sum(question.points for question in own))
        functions = list(dict.fromkeys([*entry.functions, *(name for question in own for name in question.functions)]))
        facts = {"questions": [question.id for question in own], "functions": functions, "points": points}
        entries.append(msgspec.structs.replace(entry, **facts))
    return entries


def _keep_functions(question: Question, gone: set[str]) -> Question:
    return msgspec.structs.replace(question, functions=[name for name in question.functions if name not in gone])
