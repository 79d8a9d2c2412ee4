"""Compare a manifest with the course's files: name what is not there, where a slip in its name is the likely reason.

A manifest may be ahead of its files, so a name that is near to none of them is no fault yet.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..files import find_nearest
from .schema import Manifest, Paths
from .source import Unparsable, find_definitions, list_modules, locate, read_source

SLIP = 0.8  # nearness of two names, of which the one that is not there is a slip for the other


def find_absent(manifest: Manifest) -> Iterator[str]:
    """Yield what is not there and has a near name; nothing in a student's copy, which is not theirs to repair."""
    yield from _folders(manifest)
    if manifest.path("reference").is_dir():
        yield from _required(manifest)
        yield from _check_files(manifest)
        yield from _functions(manifest)
        yield from _notebooks(manifest)


def _folders(manifest: Manifest) -> Iterator[str]:
    paths = {kind: str(getattr(manifest.paths, kind)) for kind in Paths.__struct_fields__}
    for kind, name in paths.items():
        folder = manifest.root / name
        if not folder.is_dir() and name != getattr(Paths(), kind):
            others = {place.name for place in _list(folder.parent) if place.is_dir()}
            taken = {(manifest.root / other).name for other in paths.values()}
            if near := find_nearest(folder.name, others - taken, SLIP):
                yield f"paths.{kind}: there is no folder {name}; did you mean {_beside(name, near)}?"


def _required(manifest: Manifest) -> Iterator[str]:
    """Yield the required files that no student could hand in."""
    packages = [manifest.path("reference"), manifest.path("student")]
    if not all(package.is_dir() for package in packages):
        return
    for name in manifest.submission.required:
        if not any((package / name).is_file() for package in packages):
            files = (file.relative_to(p).as_posix() for p in packages for file in p.rglob("*") if file.is_file())
            near = find_nearest(name, files)
            remedy = (
                f"did you mean {near}?" if near else f"fix the name, or put the file into {manifest.paths.reference}"
            )
            folders = f"{manifest.paths.reference} nor {manifest.paths.student}"
            yield f"submission.required: neither {folders} has {name}; {remedy}"


def _check_files(manifest: Manifest) -> Iterator[str]:
    """Yield the questions whose file of checks is not there, but one of nearly that name."""
    own = {question.file for question in manifest.questions}
    for question in manifest.questions:
        for kind in ("public", "hidden"):
            folder = manifest.path(kind)
            if not getattr(question, f"{kind}_points") or (folder / question.file).is_file():
                continue
            others = {file.name for file in _list(folder) if file.suffix == ".py"} - own
            same_id = sorted(name for name in others if name.startswith(f"test_{question.id.lower()}_"))
            if near := next(iter(same_id), "") or find_nearest(question.file, others, SLIP):
                yield (
                    f"questions {question.id}.slug: there is no {getattr(manifest.paths, kind)}/{question.file}, but "
                    f"{near}; fix the slug or rename the file"
                )


def _functions(manifest: Manifest) -> Iterator[str]:
    """Yield the functions that the reference has under nearly that name only."""
    package = manifest.path("reference")
    for name, question in manifest.functions().items():
        if name not in _list_definitions(package, name):
            known = {other for module in list_modules(package) for other in _definitions(package, module)}
            near = find_nearest(name, known - set(manifest.functions()), SLIP)
            if near and not name.startswith(f"{near}."):  # a function inside of a function is found by its region only
                where = f"questions {question.id}.functions"
                yield f"{where}: {manifest.paths.reference} has no {name}; did you mean {near}?"


def _list_definitions(package: Path, name: str) -> set[str]:
    """Return what the module of a function defines, as the manifest names it."""
    try:
        module, _ = locate(package, name)
    except LookupError:
        return set()
    return _definitions(package, module.relative_to(package))


def _definitions(package: Path, module: Path) -> set[str]:
    prefix = ".".join(module.with_suffix("").parts)
    try:
        return {f"{prefix}.{name}" for name in find_definitions(read_source(package / module))}
    except Unparsable:
        return set()


def _notebooks(manifest: Manifest) -> Iterator[str]:
    """Yield the notebooks of which there is a source of nearly that name only."""
    folder = manifest.path("notebooks") / "source"
    sources = {file.stem for file in _list(folder) if file.suffix == ".py"}
    for name in manifest.notebooks:
        near = find_nearest(name, sources - set(manifest.notebooks), SLIP)
        if near and name not in sources:
            yield f"notebooks: {manifest.paths.notebooks}/source has no {name}.py; did you mean {near}?"


def _list(folder: Path) -> Iterable[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _beside(path: str, name: str) -> str:
    return Path(path).with_name(name).as_posix()
