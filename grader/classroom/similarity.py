"""Find who shares the code of which functions, beyond what all right answers share: a reason to look, no verdict."""

import ast
import contextlib
import hashlib
import io
import itertools
import math
import tempfile
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..course.manifest import Manifest
from ..course.source import Unparsable, find_definitions, locate, parse_source, read_source
from ..errors import SubmissionError, UsageError
from ..files import claim, make_printable, write_atomically
from ..limits import SIMILAR_CHARACTERS, SIMILAR_CUT, SIMILAR_PAIRS, SIMILAR_SHARE, SIMILAR_TEXTS, SIMILAR_TOKENS
from ..results.summary import clean_text, count_noun
from ..results.terminal import SILENT, StatusLine
from ..submission.unpack import unpack_submission
from .page import is_own_page, render_template
from .sources import read_export
from .view import State, StoreView, identify

NOISE, WINDOW = 25, 6  # characters of a fingerprint after names are replaced; one is kept of so many in a row


@dataclass(frozen=True)
class Own:
    """The code that is a submission's own: text and fingerprints of each function; `authors` are as `identify` says.

    `unread` says what is not compared: modules that cannot be parsed, and functions beyond the limit.
    """

    name: str
    texts: dict[str, str]
    prints: dict[str, frozenset[int]]
    current: bool = True
    authors: frozenset[str] = frozenset()
    key: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two submissions, by their places, and their functions that are alike, the left one's with the right one's.

    `weight` counts the fingerprints that are alike as if only these two had them.
    """

    left: int
    right: int
    functions: dict[str, str]
    weight: float


def read_functions(package: Path, manifest: Manifest) -> tuple[dict[str, str], list[str]]:
    """Return the text of each function in the modules that students write: those of the course, and their own.

    The modules that cannot be parsed are named beside.
    """
    found, unread, modules = dict[str, str](), list[str](), set[Path]()
    for name in manifest.functions():
        with contextlib.suppress(LookupError):
            modules.add(locate(package, name)[0])
    for file in sorted(modules):
        source = read_source(file)
        try:
            definitions = find_definitions(source)
        except Unparsable:
            unread.append(file.relative_to(package).as_posix())
            continue
        lines = source.decode("utf-8", "replace").split("\n")
        stem = ".".join(file.relative_to(package).with_suffix("").parts)
        inner = {name.rpartition(".")[0] for name in definitions}
        for name, place in definitions.items():
            if name not in inner:
                found[f"{stem}.{name}"] = "\n".join(lines[place.first - 1 : place.last])
    return found, unread


def fingerprint(text: str) -> Any:
    """Return copydetect's fingerprints of a text: winnowed hashes of its tokens, names replaced, comments left out."""
    from copydetect import CodeFingerprint, utils

    utils.hash = _hash  # Python's own is another in each run, and so would be the pairs
    return CodeFingerprint("function.py", NOISE, WINDOW, fp=io.StringIO(text))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=7).digest(), "big")


def read_given(manifest: Manifest) -> frozenset[int]:
    """Return the fingerprints of what students start from, which say nothing about anybody."""
    return frozenset().union(*take_prints(read_functions(manifest.path("student"), manifest)[0]).values())


def take_prints(texts: Mapping[str, str], given: frozenset[int] = frozenset()) -> dict[str, frozenset[int]]:
    """Return the fingerprints of each function but those given, whatever its brackets, line breaks and comments."""
    return {name: frozenset(map(int, fingerprint(_lay_out(text)).hashes)) - given for name, text in texts.items()}


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


def read_own(name: str, package: Path, manifest: Manifest, given: frozenset[int]) -> Own:
    """Return what a package holds beside what was given, functions of the course first where it holds too much."""
    texts, unread = read_functions(package, manifest)
    names = dict.fromkeys([*(function for function in manifest.functions() if function in texts), *texts])
    ends = itertools.accumulate(len(texts[function]) for function in names)
    kept = {function: texts[function] for function, end in zip(names, ends, strict=True) if end <= SIMILAR_CHARACTERS}
    if len(kept) < len(texts):
        unread.append(f"{len(texts) - len(kept):,} of {len(texts):,} functions")
    prints = {function: signs for function, signs in take_prints(kept, given).items() if signs}
    return Own(name, {function: texts[function] for function in prints}, prints, unread=tuple(unread))


def find_pairs(found: Sequence[Own], cut: float = SIMILAR_CUT) -> list[Pair]:
    """Return the pairs that share the code of some functions, those that share most first.

    A fingerprint weighs the more the fewer submissions have it, and nothing where many do: right answers to a precise
    question share much. A function is alike where the cut of its weight is found in the other submission, and a pair
    is told where such functions hold enough together. Nothing is told of two former years' submissions, nor of two that
    one person of this class handed in.
    """
    if len(found) < 2:
        return []
    listed: defaultdict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(found):
        for sign in frozenset().union(*one.prints.values()):
            listed[sign].append(place)
    holders = {sign: np.array(places) for sign, places in listed.items()}
    many, unit = max(SIMILAR_SHARE * len(found), SIMILAR_PAIRS), math.log((len(found) + 2) / 3)
    weights = {s: math.log((len(found) + 2) / (len(p) + 1)) / unit for s, p in holders.items() if len(p) <= many}
    told: dict[tuple[int, int], Pair] = {}
    for i, one in enumerate(found):
        shares, shared = _weigh(one, holders, weights, len(found))
        sums = np.where(shares >= cut, shared, 0).sum(axis=0)
        for j in np.flatnonzero(sums >= SIMILAR_TOKENS).tolist():
            other = found[j]
            if i == j or not (one.current or other.current) or one.authors & other.authors:
                continue
            signs = zip(one.prints.items(), shares[:, j], strict=True)
            mates = _find_mates({name: own for (name, own), share in signs if share >= cut}, other.prints)
            functions = mates if i < j else {mate: name for name, mate in mates.items()}
            pair = Pair(min(i, j), max(i, j), functions, float(sums[j]))
            both = pair.left, pair.right
            told[both] = max(told.get(both, pair), pair, key=lambda pair: pair.weight)
    return sorted(told.values(), key=lambda pair: (-pair.weight, pair.left, pair.right))


def _weigh(
    one: Own, holders: Mapping[int, NDArray[np.int_]], weights: Mapping[int, float], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how much of each function's weight each submission has, as shares and as weights: functions × count."""
    shared, whole = np.zeros((len(one.prints), count)), np.zeros((len(one.prints), 1))
    for row, prints in enumerate(one.prints.values()):
        rare = sorted(prints & weights.keys())
        if rare:
            own, places = [weights[sign] for sign in rare], [holders[sign] for sign in rare]
            each = np.repeat(own, [len(place) for place in places])
            shared[row], whole[row] = np.bincount(np.concatenate(places), each, count), sum(own)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0), shared


def _find_mates(prints: Mapping[str, frozenset[int]], others: Mapping[str, frozenset[int]]) -> dict[str, str]:
    """Return for each function the one that shares most with it: that of the same name where two share as much."""
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for other, signs in others.items():
        for sign in signs:
            holders[sign].append(other)
    mates = {}
    for name, signs in prints.items():
        likely = {other for sign in signs & holders.keys() for other in holders[sign][:SIMILAR_PAIRS]}
        mates[name] = max(sorted(likely), key=lambda other: (len(signs & others[other]), other == name))
    return mates


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


def compare_texts(left: Own, right: Own, functions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the functions that share most fingerprints, with both texts in parts, those that share most text first."""
    from copydetect import compare_files

    most = sorted(functions.items(), key=lambda pair: len(left.prints[pair[0]] & right.prints[pair[1]]))
    rows = []
    for name, other in most[-SIMILAR_TEXTS:]:
        sides = [fingerprint(textwrap.dedent(text)) for text in (left.texts[name], right.texts[other])]
        tokens, _, slices = compare_files(*sides)
        cut = [list(_divide(side.raw_code, found)) for side, found in zip(sides, slices, strict=True)]
        title = name if name == other else f"{name} and {other}"
        rows.append({"name": title, "left": cut[0], "right": cut[1], "tokens": tokens})
    return sorted(rows, key=lambda row: (-row["tokens"], row["name"]))


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
    now = [one for one in store.submissions() if one.state is not State.SUPERSEDED]
    names = identify(person for one in now for person in one.people)
    places = [(one.names, one.key, one.place, frozenset(names[person] for person in one.people) - {""}) for one in now]
    for folder in also:
        for one in read_export(folder).submissions:
            name = ", ".join(person.name for person in one.people if person.name) or one.key
            places.append((f"{folder.name}: {name}", f"{folder.name}: {one.key}", one.place, frozenset()))
    for number, (name, key, place, authors) in enumerate(places, 1):
        line.advance("reading submissions", number, len(places))
        with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
            try:
                package = unpack_submission(place, manifest, Path(work)).package
            except SubmissionError:
                continue
            own = read_own(clean_text(name, 120), package, manifest, given)
            yield replace(own, current=number <= len(now), authors=authors, key=key)


def write_similar(
    store: StoreView, manifest: Manifest, also: Iterable[Path], out: Path, cut: float, line: StatusLine = SILENT
) -> Iterator[str]:
    """Write a page with the clusters of alike submissions, and yield what to tell of it."""
    claim(out, "page of a class", mine=is_own_page)
    found = list(read_class(store, manifest, also, line))
    if not found:
        remedy = "give class grade the folder in which the export lies now"
        raise UsageError(f"no submission can be compared: each was refused, or is not where it was exported; {remedy}")
    clusters = group_pairs(find_pairs(found, cut))
    subtitle = (
        f"{count_noun(len(found), 'submission')} compared by the functions that students write. A function is alike "
        f"where {cut:.0%} or more of what is rare in it stands in the other submission, too. Code that was given is "
        "left out, and what many have weighs nothing. Read both texts before you ask."
    )
    shown = [_show_cluster(cluster, found) for cluster in clusters]
    unread = ", ".join(f"{make_printable(one.key)} ({', '.join(one.unread)})" for one in found if one.unread)
    unread = f"not compared: {unread}" if unread else ""
    page = render_template("similar", title="Alike submissions", subtitle=subtitle, unread=unread, clusters=shown)
    write_atomically(out, page)
    yield f"written: {out} ({count_noun(len(clusters), 'cluster')} among {count_noun(len(found), 'submission')})"
    yield "A likeness is a reason to look, not a verdict."
    yield from filter(None, [unread])
    for cluster in shown:
        yield f"{', '.join(map(make_printable, cluster['names']))}: {cluster['words']}"


def _show_cluster(cluster: Sequence[Pair], found: Sequence[Own]) -> dict[str, Any]:
    members = Counter(place for pair in cluster for place in (pair.left, pair.right))
    pairs: list[dict[str, Any]] = []
    for pair in cluster[:SIMILAR_PAIRS]:
        left, right = found[pair.left], found[pair.right]
        texts = compare_texts(left, right, pair.functions)
        count = f"{len(pair.functions)} of {count_noun(min(len(left.texts), len(right.texts)), 'function')} alike"
        names = ", ".join(sorted(pair.functions))
        pairs.append({"left": left.name, "right": right.name, "count": count, "functions": names, "texts": texts})
    words = f"{pairs[0]['count']}: {', '.join(row['name'] for row in pairs[0]['texts'][:3])}"
    words += f"; {count_noun(len(cluster), 'pair')}" if len(cluster) > 1 else ""
    words += f", the {len(pairs)} most alike shown" if len(cluster) > len(pairs) else ""
    return {"names": list(dict.fromkeys(found[place].name for place in members)), "words": words, "pairs": pairs}
