"""Choose checks by question, id, keyword and judged function, and name what comes nearest where none is meant."""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ..course.manifest import Manifest, Question
from ..errors import UsageError
from ..files import find_nearest
from ..results.record import CheckResult, shorten

TOKEN = re.compile(r"[()]|[^\s()]+")
OPERATORS = {"and", "or", "not", "(", ")"}
LISTED = "check --list lists them all"
EVERYWHERE = "leave out -q to look in all questions"
SHOWN = 3  # words that one may stand for: more are a list, which --list gives


def _advise(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Say which known word may have been meant: the nearest one, else the first few that hold this one."""
    known = list(known)
    holders = [other for other in known if word and word.casefold() in other.casefold()]
    meant = find_nearest(word, known) or " or ".join(holders[:SHOWN])
    return "; ".join(filter(None, [f"did you mean {meant}?" if meant else "", otherwise, LISTED])).replace("?;", "?")


def advise_option(word: str, questions: Iterable[str], functions: Iterable[str]) -> str:
    """Say which option a word needs that was given without one: a question's, a function's, or that of any other."""
    word = word.rpartition("/")[2].removesuffix(".py")  # of a file: its module
    shown = word if re.fullmatch(r"[\w.]+", word) else repr(word)
    ids = [name for name in questions if name.casefold() == word.casefold()]
    named = any(name == word or name.endswith(f".{word}") for name in functions)
    option = f"-q {ids[0]}" if ids else f"{'--function' if named else '-k'} {shown}"
    return f"{shown} needs an option before it: check {option}"


def resolve_function(word: str, functions: Collection[str]) -> str:
    """Return the function of this name, of which the end is enough. Raise UsageError for none and for several."""
    if word in functions:
        return word
    found = [name for name in functions if name.endswith(f".{word}")]
    if len(found) > 1:
        raise UsageError(f"{word!r} may be {' or '.join(found)}; give one of them")
    if not found:
        ends = {name.rpartition(".")[2]: name for name in functions}
        is_holder = any(f".{word}." in f".{name}" for name in functions)
        advice = _advise(word, functions if "." in word or is_holder else ends)
        raise UsageError(f"there is no function {word!r}; {advice}")
    return found[0]


class Keyword:
    """An expression of `-k`: phrases of ids, titles and functions, with `and`, `or`, `not` and parentheses.

    A phrase may have several words. The id of a check means that check alone. Raise UsageError for what is none.
    """

    def __init__(self, text: str) -> None:
        self.text, self._phrases = text, dict[str, str]()
        try:
            self._tree = ast.parse(self._name_phrases(), mode="eval").body
            self._evaluate(self._tree, lambda phrase: True)
        except (SyntaxError, LookupError):
            sentence = "join words by and, or, not and parentheses"
            raise UsageError(f"-k {text!r} cannot be read; {sentence}") from None

    def select(self, checks: Sequence[CheckResult], questions: Sequence[str] = ()) -> list[CheckResult]:
        """Return the checks that are meant. Raise UsageError where none is; all may be of a few `questions` only."""
        meant = {phrase: {check.id for check in _find(phrase, checks)} for phrase in self._phrases.values()}
        found = [c for c in checks if self._evaluate(self._tree, lambda phrase: c.id in meant[phrase])]
        if found or not checks:
            return found
        where = f"of {' and '.join(questions)}" if questions else "here"
        for phrase, ids in meant.items():
            if not ids:
                advice = _advise(phrase, _words(checks), EVERYWHERE if questions else "")
                raise UsageError(f"no check {where} has {phrase!r} in its id or title; {advice}")
        raise UsageError(f"no check {where} matches -k {self.text!r} as a whole; {LISTED}")

    def _name_phrases(self) -> str:
        """Return the expression with a name of one letter and a number in each phrase's place."""
        parts: list[str] = []
        for token in TOKEN.findall(self.text):
            if token in OPERATORS:
                parts.append(token)
            elif parts and parts[-1] in self._phrases:
                self._phrases[parts[-1]] += f" {token}"
            else:
                parts.append(f"p{len(self._phrases)}")
                self._phrases[parts[-1]] = token
        return " ".join(parts)

    def _evaluate(self, node: ast.expr, matches: Callable[[str], bool]) -> bool:
        match node:
            case ast.BoolOp(op=operator, values=values):
                found = [self._evaluate(value, matches) for value in values]  # none may escape
                return all(found) if isinstance(operator, ast.And) else any(found)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._evaluate(operand, matches)
            case ast.Name(id=name):
                return matches(self._phrases[name])
        raise SyntaxError


@dataclass
class Selection:
    """Says which checks to run: questions by id, judged functions (all if empty), a -k expression, timing, seeds.

    The checks of the functions `ahead` run before others. With `first`, the first failure ends the run, and so does
    a check that waits for one of `modules`. `kept` are results of other questions from an earlier run of the same code.
    """

    questions: list[str] = field(default_factory=list)
    keyword: str = ""
    timing: bool = True
    seed: int | None = None
    secret_seeds: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    ahead: list[str] = field(default_factory=list)
    first: bool = False
    modules: Sequence[str] = ()
    kept: Sequence[CheckResult] = ()

    def stops(self, check: CheckResult) -> bool:
        """Return whether the run ends after this check."""
        return check.cause in self.modules or (self.first and (check.failed or bool(check.cause)))

    def choose(self, manifest: Manifest) -> list[Question]:
        """Return the chosen questions in the manifest's order. Raise UsageError for an unknown id."""
        wanted = {manifest.question(name).id for name in self.questions}
        return [question for question in manifest.questions if not wanted or question.id in wanted]

    def select(self, checks: Sequence[CheckResult], manifest: Manifest) -> set[str]:
        """Return the ids of those meant by keyword and functions. Raise UsageError where a word means none of them."""
        functions = select_functions(self.functions, manifest.functions(), checks)
        here = list(dict.fromkeys(check.question for check in checks))
        narrowed = here if len(here) < len(manifest.questions) else []
        found = Keyword(self.keyword).select(checks, narrowed) if self.keyword else checks
        return {check.id for check in found if not functions or not functions.isdisjoint(check.functions)}

    def rank(self, check: CheckResult) -> int:
        """Return the place of the first function that a check judges among those ahead, the last for none."""
        return min((self.ahead.index(name) for name in check.functions if name in self.ahead), default=len(self.ahead))


def select_functions(words: Collection[str], functions: Collection[str], checks: Sequence[CheckResult]) -> set[str]:
    """Return the functions of these names; a check's id stands for the functions that it judges."""
    chosen: set[str] = set()
    for word in words:
        named = [check for check in checks if word.casefold() in (check.id.casefold(), check.short_id.casefold())]
        if not named and names_check(word, {check.question for check in checks}):
            raise UsageError(f"there is no check {word!r} here; {_advise(word, _words(checks))}")
        chosen |= {name for check in named for name in check.functions} or {resolve_function(word, functions)}
    return chosen


def names_check(word: str, questions: Iterable[str]) -> bool:
    """Return whether a word has the form of a check's id, short or full, instead of a function's name."""
    return "/" in word or word.casefold().startswith(tuple(f"{name}.".casefold() for name in questions))


def _find(phrase: str, checks: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the check of this id, or else those with the phrase in their id, title or functions."""
    plain, short = phrase.casefold(), shorten(phrase).casefold()
    exact = [check for check in checks if plain == check.id.casefold() or short == check.short_id.casefold()]
    return exact or [check for check in checks if plain in _text(check)]


def _text(check: CheckResult) -> str:
    # pytest's own name of a check begins with test_
    name = check.id.removeprefix("hidden/").partition("/")[2]
    return "\n".join([check.id, check.short_id, f"test_{name}", check.title, *check.functions]).casefold()


def _words(checks: Sequence[CheckResult]) -> dict[str, None]:
    """Return ids, their names and the words of titles, in this order."""
    found: dict[str, None] = dict.fromkeys(check.short_id for check in checks)
    found |= dict.fromkeys(check.short_id.partition(".")[2] for check in checks)
    found |= dict.fromkeys(name.rpartition(".")[2] for check in checks for name in check.functions)
    return found | dict.fromkeys(word for check in checks for word in re.findall(r"\w{3,}", check.title))
