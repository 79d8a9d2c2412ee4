"""Find the name that was meant by one that is not there."""

import difflib
from collections.abc import Iterable

NEARNESS = 0.6  # of two words, from 0 to 1, from which on one may have been meant by the other


def find_nearest(word: str, known: Iterable[str], nearness: float = NEARNESS) -> str:
    """Return the known word that comes nearest, whatever its case; an empty string where none is near."""
    originals = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), originals, n=1, cutoff=nearness)
    return originals[found[0]] if found else ""
