"""Hold every sentence of the engine about a check, in full and in the brief form in which no input can leave.

Public checks show the full form, all others the brief one: constant words, names that the check itself wrote, and an
error's power of ten. Elsewhere in the engine the same things are data: an error with facts.
"""

from typing import NamedTuple

from ..errors import Attempt, Ending


class Sentence(NamedTuple):
    """A sentence in full and in brief; both may have places in braces to fill in."""

    full: str
    brief: str

    def fill(self, **values: object) -> "Sentence":
        """Return the sentence with these values in its places."""
        return Sentence(self.full.format(**values), self.brief.format(**values))


def say(sentence: str) -> Sentence:
    """Return a sentence that is fit for both forms."""
    return Sentence(sentence, sentence)


# The run, and the grader.

NEVER_RAN = "the check did not run"
NOT_RUN = say("not run: the time of the whole run was used up by earlier checks")
HELD = say("the grader made an error here, so its points are held, not lost; please tell the staff")
UNRECORDED = say(
    "the recorded answers do not belong to these checks ({why}); take them and the checks from the same download; "
    "its points are held, not lost"
)
NO_RECORDING, OTHER_INPUTS = "there are none to this check", "{} was asked with other inputs"
VARIES = say(
    "can only be judged where the reference is: what it is asked depends on your answer; it counts when you hand in"
)
WRONG_ON_SECRET_INPUTS = "right on the published inputs, wrong on others: {}"
SEED, SECRET_SEED = "seed {}", "a secret seed"

# A function that raised, hung, crashed or is not written.

RAISED = Sentence("{who} raised {what}{place}", "{asked} raised an exception")
GONE = Sentence("{callee} is not there; was it renamed or removed?", "{asked} is not there")
MISSPELT = Sentence("{callee} is not there, but {near} is; was it misspelt?", "{asked} is not there")
MISPLACED = Sentence(
    "{callee} is not there: it stands in {place}; is it indented as it should be?", "{asked} is not there"
)
NO_KEY = Sentence("{who}: {holder} has no {key}{hint}{place}", RAISED.brief)
NEAR_KEY, NEAR_NAME = ", but '{}'", "; did you mean {}?"
WRITE_DOWN = "find files that are handed in by Path(__file__).parent, and write other data into the module"
ATTEMPTS = {
    attempt: Sentence(f"{{who}} {did}{{place}}; {remedy}", f"{{asked}} {did}; {remedy}")
    for attempt, did, remedy in (
        (Attempt.WRITE, "writes a file, which graded code may not", "print what you want to see, or return it"),
        (Attempt.READ, "reads what lies outside of its package, which graded code may not", WRITE_DOWN),
        (Attempt.OPEN, "opens a file that is not there", WRITE_DOWN),
        (Attempt.FOLDER, "changes the working folder, which graded code may not", WRITE_DOWN),
        (Attempt.PROCESS, "starts another process, which graded code may not", "do the work in this one"),
        (Attempt.THREAD, "starts too many threads", "do the work in one"),
        (Attempt.NETWORK, "uses the network, which graded code may not", "write what it needs into the module"),
        (Attempt.HOME, "asks for a home folder, which graded code does not have", WRITE_DOWN),
        (Attempt.PROMPT, "calls input(), and nobody is there to answer", "remove it"),
        (Attempt.EXIT, "ends the program", "remove that line; to refuse an argument, raise ValueError"),
        (Attempt.GPU, "asks for a GPU, and graded code has none", "use the device that is given, or the CPU"),
        (Attempt.OTHER, "asks the system for what graded code may not do", "remove that line"),
    )
}
ATTEMPTS[Attempt.BREAKPOINT] = Sentence(
    "a breakpoint was left in{where}; remove it, or use --debug to stop there",
    "a breakpoint was left in {asked}; remove it, or use --debug to stop there",
)
ENDED = "the process ended while {asked} ran"
ENDINGS = {
    Ending.LATE: Sentence("{callee} did not finish within {fact}{place}", "{asked} did not finish within {fact}"),
    Ending.HUNG_BEFORE: Sentence(
        "{callee} was not tried again: it has hung before", "{asked} was not tried again: it has hung before"
    ),
    Ending.OUT_OF_CPU_TIME: Sentence("{callee} used more than {fact} s of CPU time", "{asked} used too much CPU time"),
    Ending.KILLED: Sentence(
        "the process was ended, for more than {fact} s of CPU time or too much memory, while {callee} ran",
        "the process was ended, for too much CPU time or memory, while {asked} ran",
    ),
    Ending.EXITED: Sentence("the process ended by itself with exit status {fact} while {callee} ran", ENDED),
    Ending.SIGNALLED: Sentence("the process was ended by signal {fact} while {callee} ran", ENDED),
    Ending.HUNG_UP: Sentence("{callee} closed its connection to the grader", ENDED),
    Ending.GARBLED: Sentence("{callee} broke its connection to the grader: {fact}", ENDED),
    Ending.GONE: Sentence("{callee} cannot be asked: its process has already ended", ENDED),
}
HALVED = "{:g} s (half as long each time it hangs again)"  # the same words each time, so that a report tells them once
REACHED = "; it was still in {}"
UNWRITTEN = Sentence("{name} is not written yet", "{asked} is not written yet")
NEEDS_UNWRITTEN = "cannot be judged: it needs {}, which is not written yet"
NEEDS_BROKEN = "cannot be judged: it needs {name}, and {story}"
NEEDS_KNOWN = "cannot be judged: it needs {name}, which fails in its own checks"
SOMETHING = "something of yours"

# A module that cannot be imported. Hidden checks show the first only; the others are found with published inputs.

UNIMPORTABLE = say("{asked} cannot be imported")
PUT_BACK = "put it into {}/"
NO_SYNTAX = "{place}: {what}{code}. {remedy}; until then Python reads nothing of this file."
FIX_LINE, FIX_INDENT = "Fix this line, or the one above it", "Indent this line like those around it"
FIX_TABS = "Indent with spaces only"
RETYPE = "Type this character again, since pasted text has quotes and blanks that only look like Python's"
OF_A_NOTEBOOK = "Remove this line, which only a notebook can run"
NO_UTF8 = "{file}, line {line}: this is not UTF-8: byte 0x{byte:02x}{guess}. Save the file as UTF-8."
WINDOWS_LETTER = ", in Windows-1252 the letter {}"
UTF16 = "{file}: this is UTF-16, which Python does not read. Save the file as UTF-8."
NULL_BYTE = "{file}, line {line}: here is a null byte. Remove it, or take the file from a backup."
CONFLICT = (
    "{file}, line {line}: here are marks of a merge conflict. Keep the version that you want, and remove the other one "
    "and the lines that begin with <<<<<<<, ======= and >>>>>>>."
)
NOT_ALLOWED = "{place}: {library} is not for this question{code}. {remedy}"
USE_LIBRARIES = "Use {}."
NO_OWN_MODULE = "{place}: there is no module {name} in {package}/{code}. {remedy}"
NO_OWN_NAME = "{place}: {file} has no {name}{code}. {remedy}"
NEAREST, CORRECT_OR_ADD = "Did you mean {}?", "Correct this import, or add the module."
CORRECT_OR_WRITE = "Correct this import, or write it there."
BAD_IMPORT = "{place}: {what}{code}. Correct or remove this import."
STRAY_IMPORTS = (
    "Stand-ins were imported for what is not there when these questions are graded; they cost nothing until they are "
    "used: {}."
)
AT_TOP = "This line is outside of functions, so it runs at each import; remove it, or move it into a notebook."
RAISED_AT_IMPORT = "{place}: {what}{inner}{code}. " + AT_TOP
INSIDE, LATE_IMPORT = ", in {}", "the import did not finish within {seconds:g} s"
ENDED_AT_IMPORT = "{file}: {what}. Look at what runs when it is imported."

# An answer that is wrong.

UNSAID = "is not what it should be"
WRONG_ANSWER = f"the answer {UNSAID}"
OTHER_THAN_EXPECTED = "{asked} returned something else than expected; see its docstring"
WRONG_RETURN = Sentence("{called} returned {what}; see its docstring for what it returns", OTHER_THAN_EXPECTED)
UNUSABLE = Sentence("{answer} cannot be used ({kind}: {text})", OTHER_THAN_EXPECTED)
WRONG_COUNT = Sentence("returned {got}, expected {count}{names}{hint}", "returned other than {wanted}")
NO_RETURN, AS_TUPLE = "; is a return missing?", "; return a tuple of them"
LACKS_KEY = Sentence("{name} has no {key}{hint}", "{name} has no {wanted}")
SUCH_ENTRY, SOME_DICT = "such entry", "the dict"
NO_TENSOR = say("{asked} returned a NumPy array where a tensor is expected")
IS_NONE = say("{name}: is None; is a return or an assignment missing?")
NO_ARRAY = Sentence("{name}: is {got}, expected an array of numbers{hint}", "{name}: is no array of numbers")
ITERABLES = ("dict_values", "dict_keys", "range", "generator", "map", "zip", "filter", "deque", "list_iterator")
ODD_CLASSES = {  # as a worker calls them: what they are, and what to do
    "matrix": ("an np.matrix", "np.asarray makes an array of it, and @ multiplies"),
    "MaskedArray": ("a masked array", "its .filled(0) is an array"),
    "longdouble": ("a longdouble", "stay with float64"),
    "clongdouble": ("a clongdouble", "stay with float64"),
    "array of dtype float128": ("an array of longdouble", "stay with float64"),
    "array of dtype longdouble": ("an array of longdouble", "stay with float64"),
    "array of dtype object": ("an array of Python objects", "are its rows of different lengths, or is None in it?"),
    "a list": ("a list", "np.array makes an array of it"),
    **{kind: (f"a {kind}", "np.array(list(…)) makes an array of it") for kind in ITERABLES},
    "a tuple": ("a tuple", "was it packed twice, or is there a comma at the end of its line?"),
}
HERE = "; here {}"
ODD_TENSOR = "make it a dense one of float32 or float64, on the device that is given or on the CPU"
ODD_LOCAL = "; here {name} is {what}: {remedy}"
WRONG_SHAPE = Sentence("{name}: shape is {got}, expected {wanted}", "{name}: a wrong shape")
OTHER_SHAPE = Sentence(
    "{name}: right values in shape {got}, expected {wanted}", "{name}: right values in another shape"
)
TRANSPOSED = Sentence(
    "{name}: right values but transposed: shape is {got}, expected {wanted}", "{name}: right values but transposed"
)
WRONG_DTYPE = Sentence("{name}: dtype is {got}, expected {wanted}", "{name}: dtype is not {wanted}")
INTEGERS = Sentence(
    "{name}: dtype is {got}, expected floating point; is an array made with an integer dtype on the way?",
    "{name}: dtype is not floating point",
)
FITS_FLOAT32 = say("{name}: float32 could hold every value; is something computed or kept in float32?")
NOT_FINITE = Sentence("{name}: is {what}; {hint}", "{name}: has {what} values")
NOT_ALL_FINITE = Sentence(
    "{name}: {count} of {size} values are {what}, first at ({place}); {hint}", "{name}: has {what} values"
)
NOT_FINITE_SINCE = {
    "NaN": "does an exp overflow, is 0 divided by 0, or the root or log of a negative number taken?",
    "infinite": "does an exp overflow, or is something divided by 0?",
}
OUTSIDE = Sentence("{name}: got {got}, expected {interval}", "{name}: outside of what it may be")
INTERVAL = "{} to {}"
ONE_NUMBER = say("{name}: is a single number; is something summed over all axes, or not computed yet?")
ALL_ALIKE = say("{name}: every value is the same; is nothing computed yet?")
HANDED_BACK = say("{name}: is an input handed back; is nothing computed yet?")
WRONG_VALUE = Sentence("{name}: got {got}, expected {wanted}", "{name}: a wrong value")
CLAIM = Sentence("{name}: {sentence}", "{name}: {brief}")  # both by the check itself
INEXACT = Sentence(
    "{name}: relative error {error} (allowed {rel:.0e}){place}{pair}{hint}",
    "{name}: relative error {magnitude} (allowed {rel:.0e}){brief_hint}",
)
DIFFERS = Sentence("{name}: differs{place}{pair}{hint}", "{name}: differs{brief_hint}")
OPPOSITE = say("; the sign is opposite everywhere")
RATIO_OF_COUNTS, ROOT_OF_COUNTS = " ({})", " (the root of {})"
ONE_FACTOR = Sentence(
    "; every value is {factor:.4g}{ratio} times the right one", "; every value is off by the same factor"
)
OPPOSITE_NUMBER = say("; the sign is opposite")
TIMES = Sentence("; it is {factor:.4g} times the right one", "; it is off by a simple factor")
SWAPPED = say("{name}: is what {other} should be; are the results in another order?")
CHANGES_ARGUMENT = Sentence(
    "{function} changes its argument {argument} in place; make a new array instead",
    "changes one of its arguments in place; make a new array instead",
)
BELOW_TOP = Sentence(
    "{title}: {value} earns {earned:g} of {points:g} points; from {next:g} on it earns {more:g}",
    "{title}: earns {earned:g} of {points:g} points; from {next:g} on it earns {more:g}",
)

# Speed and budgets.

REFERENCE, OWN, OTHER_FUNCTION = "the reference", "your own {}", "other function"
RATIO = "took {size} times the CPU time of {opponent} (allowed {limit:g})"
SLOW = (
    RATIO + "; is a Python loop left that one array operation could replace, an np.einsum without optimize=True, "
    "or an np.dot of more than two axes?"
)
SLOW_OWN = RATIO + "; is there a loop or a needless step left, or does the simpler form stand in the other one?"
LATE = Sentence(
    "{sentence}; allowed is {limit:g} times the CPU time of {opponent}",
    "the timed call did not finish in time; allowed is {limit:g} times the CPU time of {opponent}",
)
UNSCORED = "speed is not scored here, but it is when you hand in: {}"
UNRIVALLED = UNSCORED.format("it is compared with the reference's, of which only answers are here")
OVER_BUDGET = Sentence(
    "{title}: needs {spent} or more of the {allowed:g} CPU seconds it may use; make it smaller",
    "{title}: needs more than the {allowed:g} CPU seconds it may use",
)
LARGE_FILE = Sentence(
    "{file}: has {megabytes} of the {allowed:g} MB it may have; make it smaller",
    "{file}: has more than the {allowed:g} MB it may have",
)

# Second looks. The names in them are the assignment's or Python's own, so that they fit every report.

RIGHT_ABOVE = "right given right {}, of which something is wrong in yours"
RIGHT_GRADIENT = "the exact gradient of your own {}, in which something is wrong"
