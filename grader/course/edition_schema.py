"""The tables of an edition: what each key of `editions/NAME.toml` means."""

from collections.abc import Collection

from .decoding import ManifestTable


class LeftOut(ManifestTable, frozen=True):
    """Checks that an edition leaves out, and why: all of a question, of a judged function, or of a kind of promise."""

    why: str
    questions: list[str] = []
    functions: list[str] = []
    promises: list[str] = []
    points: int | float = 0  # those of its questions, filled in where the edition is chosen


class Edition(ManifestTable, frozen=True):
    """Another year's course, graded by the checks of this one; it adds to the edition that it is `like`.

    Files of the course take the place of `given` ones; `shims` answer old imports by parts of the standard library.
    """

    title: str
    like: str = ""
    packages: list[str] = []
    required: list[str] = []
    left_out: list[LeftOut] = []
    renamed: dict[str, dict[str, str]] = {}
    given: dict[str, str] = {}
    shims: dict[str, dict[str, str]] = {}

    def find_entry(self, functions: Collection[str], promise: str = "") -> LeftOut | None:
        """Return the entry by which it leaves out a check of these functions and this promise; None without one."""
        for entry in self.left_out:
            if promise in entry.promises or not set(functions).isdisjoint(entry.functions):
                return entry
        return None
