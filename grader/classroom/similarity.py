"""Find submissions whose own functions are alike beyond what all right answers share: a reason to look, no verdict."""

import ast
import io
import math
import tempfile
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..course.manifest import Manifest
from ..course.source import Unparsable, find_definitions, locate, parse_source, read_source
from ..errors import SubmissionError, UsageError
from ..files import claim, make_printable
from ..limits import SIMILAR_CUT, SIMILAR_PAIRS, SIMILAR_SHARE, SIMILAR_TEXTS, SIMILAR_TOKENS
from ..results.record import write_atomically
from ..results.status_line import SILENT, StatusLine
from ..results.summary import count_noun
from ..submission.unpack import unpack_submission
from .page import clean, is_own_page, render_template
from .sources import read_export
from .view import State, StoreView

NOISE, WINDOW = 25, 6  # characters of a fingerprint after names are replaced; one is kept of so many in a row
TITLE = "Alike submissions"


@dataclass(frozen=True)
class Own:
    """The code that is a submission's own: the text of each function, and the fingerprints of all together."""

    name: str
    texts: dict[str, str]
    prints: frozenset[int]
    current: bool = True


@dataclass(frozen=True)
class Pair:
    """Two submissions, by their places, and how much of what is rare in the one is in the other."""

    left: int
    right: int
    share: float


def read_functions(package: Path, manifest: Manifest, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the text of each function that a student writes: those of the course, and their own in its modules.

    `given` are the definitions of the package that students start from, which are nobody's own unless they changed.
    """
    wanted, found = manifest.functions(), {}
    modules = {locate(package, name)[0] for name in wanted if _is_located(package, name)}
    for file in sorted(modules):
        source = read_source(file)
        try:
            definitions = find_definitions(source)
        except Unparsable:
            continue
        lines = source.decode("utf-8", "replace").split("\n")
        stem = ".".join(file.relative_to(package).with_suffix("").parts)
        inner = {name.rpartition(".")[0] for name in definitions}
        for name, place in definitions.items():
            text = "\n".join(lines[place.first - 1 : place.last])
            whole = f"{stem}.{name}"
            if name not in inner and (given is None or given.get(whole) != text):
                found[whole] = text
    return found


def _is_located(package: Path, name: str) -> bool:
    try:
        return bool(locate(package, name))
    except LookupError:
        return False


def fingerprint(text: str) -> Any:
    """Return copydetect's fingerprints of a text: winnowed hashes of its tokens, names replaced, comments left out."""
    from copydetect import CodeFingerprint

    return CodeFingerprint("function.py", NOISE, WINDOW, fp=io.StringIO(text))


def read_given(manifest: Manifest) -> tuple[dict[str, str], frozenset[int]]:
    """Return the definitions that students start from, and their fingerprints, which say nothing about anybody."""
    texts = read_functions(manifest.path("student"), manifest)
    return texts, take_prints(texts)


def take_prints(texts: Mapping[str, str]) -> frozenset[int]:
    """Return the fingerprints of some functions, whatever their brackets, line breaks and comments."""
    return frozenset(int(one) for text in texts.values() for one in fingerprint(_lay_out(text)).hashes)


def _lay_out(text: str) -> str:
    """Return a function as Python itself would write it, without docstring; the text itself where it is none."""
    try:
        tree = parse_source(textwrap.dedent(text).encode("utf-8", "replace"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        return ast.unparse(tree)
    except (Unparsable, RecursionError):
        return text


def read_own(name: str, package: Path, manifest: Manifest, given: tuple[dict[str, str], frozenset[int]]) -> Own:
    """Return what a package holds beside what was given."""
    texts = read_functions(package, manifest, given[0])
    return Own(name, texts, take_prints(texts) - given[1])


def find_pairs(found: Sequence[Own], cut: float = SIMILAR_CUT) -> list[Pair]:
    """Return the pairs that share more than the cut, the most alike first.

    A fingerprint weighs the more the fewer submissions have it, and nothing where many do: right answers to a precise
    question share much. The share is of the weights of the smaller one. Of two former years' submissions nothing is
    told.
    """
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(found):
        for sign in one.prints:
            holders[sign].append(place)
    many = max(SIMILAR_SHARE * len(found), SIMILAR_PAIRS)
    shared, whole = np.zeros((len(found), len(found)), np.float32), np.zeros(len(found))
    for places in holders.values():
        if len(places) <= many:
            weight = math.log((len(found) + 2) / (len(places) + 1))
            whole[places] += weight
            if len(places) > 1:
                shared[np.ix_(places, places)] += weight
    floor = math.log((len(found) + 2) / 3) * SIMILAR_TOKENS
    least = np.maximum(np.minimum(whole[:, None], whole[None, :]), floor)
    shares = np.triu(shared / least, 1)
    pairs = [Pair(int(i), int(j), float(shares[i, j])) for i, j in np.argwhere(shares >= cut)]
    told = [pair for pair in pairs if found[pair.left].current or found[pair.right].current]
    return sorted(told, key=lambda pair: (-pair.share, pair.left, pair.right))


def group_pairs(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Return the pairs by clusters: who is alike somebody belongs to them; the most alike cluster first."""
    leader: dict[int, int] = {}

    def find(place: int) -> int:
        while leader.setdefault(place, place) != place:
            place = leader[place]
        return place

    for pair in pairs:
        leader[find(pair.right)] = find(pair.left)
    clusters: dict[int, list[Pair]] = {}
    for pair in pairs:
        clusters.setdefault(find(pair.left), []).append(pair)
    return list(clusters.values())


def compare_texts(left: Own, right: Own) -> list[dict[str, Any]]:
    """Return the functions of which a good part is alike, with both texts in parts, the most alike first."""
    from copydetect import compare_files

    rows = []
    for name in left.texts.keys() & right.texts.keys():
        sides = [fingerprint(textwrap.dedent(one.texts[name])) for one in (left, right)]
        tokens, shares, slices = compare_files(*sides)
        if tokens:
            cut = [list(_divide(side.raw_code, found)) for side, found in zip(sides, slices, strict=True)]
            rows.append({"name": name, "share": float(min(shares)), "left": cut[0], "right": cut[1], "tokens": tokens})
    return sorted(rows, key=lambda row: (-row["share"] * row["tokens"], row["name"]))[:SIMILAR_TEXTS]


def _divide(text: str, slices: Any) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a text, and whether each is alike."""
    end = 0
    for start, stop in slices.T.astype(int).tolist():
        start = max(start, end)
        if stop > start:
            yield from [(False, text[end:start])] * (start > end)
            yield True, text[start:stop]
            end = stop
    yield False, text[end:]


def read_class(store: StoreView, manifest: Manifest, also: Iterable[Path], line: StatusLine = SILENT) -> Iterator[Own]:
    """Yield what each submission of the class, and of former years' folders, has of its own; refused ones have none."""
    given = read_given(manifest)
    now = [(one.names, one.place) for one in store.submissions() if one.state is not State.SUPERSEDED]
    places = [(clean(name, 120), place, True) for name, place in now]
    for folder in also:
        for one in read_export(folder).submissions:
            name = ", ".join(person.name for person in one.people if person.name) or one.key
            places.append((clean(f"{folder.name}: {name}", 120), one.place, False))
    for number, (name, place, current) in enumerate(places, 1):
        line.advance("reading submissions", number, len(places))
        with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
            try:
                package = unpack_submission(place, manifest, Path(work)).package
            except SubmissionError:
                continue
            own = read_own(name, package, manifest, given)
            yield Own(own.name, own.texts, own.prints, current)


def write_similar(
    store: StoreView, manifest: Manifest, also: Iterable[Path], out: Path, cut: float, line: StatusLine = SILENT
) -> Iterator[str]:
    """Write a page with the clusters of alike submissions, and yield what to tell of it."""
    claim(out, "page of a class", mine=is_own_page)
    found = list(read_class(store, manifest, also, line))
    if not found:
        raise UsageError("no submission can be compared: each was refused, or is no longer where it was exported")
    clusters = group_pairs(find_pairs(found, cut))
    subtitle = (
        f"{count_noun(len(found), 'submission')} compared by the functions that students write, {cut:.0%} alike or "
        "more. Code that was given is left out, and what many have weighs little. Read both texts before you ask."
    )
    shown = [_show_cluster(cluster, found) for cluster in clusters]
    page = render_template("similar", title=TITLE, subtitle=subtitle, clusters=shown)
    write_atomically(out, page)
    yield f"written: {out} ({count_noun(len(clusters), 'cluster')} among {count_noun(len(found), 'submission')})"
    yield "A likeness is a reason to look, not a verdict."
    for cluster in shown:
        yield f"{', '.join(map(make_printable, cluster['names']))}: {cluster['words']}"


def _show_cluster(cluster: Sequence[Pair], found: Sequence[Own]) -> dict[str, Any]:
    members = Counter(place for pair in cluster for place in (pair.left, pair.right))
    pairs = []
    for pair in cluster[:SIMILAR_PAIRS]:
        left, right = found[pair.left], found[pair.right]
        texts = compare_texts(left, right)
        functions = ", ".join(row["name"] for row in texts[:3])
        pairs.append(
            {"left": left.name, "right": right.name, "share": pair.share, "functions": functions, "texts": texts}
        )
    more = len(cluster) - len(pairs)
    words = f"{cluster[0].share:.0%} alike at most, {count_noun(len(cluster), 'pair')}"
    words += f", the {len(pairs)} most alike shown" if more else ""
    return {"names": [found[place].name for place in members], "words": words, "pairs": pairs}
