"""Progress bars that leave nothing behind in a notebook: when a bar ends, so does what the cell shows of it."""

import sys


class _CellLine:
    """A file for a bar that shows its latest line in the notebook's cell, and nothing once the bar was wiped out."""

    encoding = "utf-8"

    def __init__(self):
        self._shown = None

    def write(self, text):
        """Show what stands after a carriage return; a bar is wiped out by writing blanks over it."""
        if not text.startswith("\r"):
            return
        from IPython.display import display

        line = {"text/plain": text.strip()}
        if self._shown is not None:
            self._shown.update(line, raw=True)
        elif line["text/plain"]:
            self._shown = display(line, raw=True, display_id=True)

    def flush(self):
        """Do nothing: each line is shown at once."""


def make_bar(iterable=None, **options):
    """Return a bar of tqdm over `iterable`, with tqdm's options.

    In a notebook it shows in the cell while it runs and is gone when it ends. tqdm's own would stay in the saved file,
    and in whatever is made of it, as it was at some moment: "Training: 4%". Raises ImportError without tqdm.
    """
    from tqdm import tqdm

    if _is_in_notebook():
        # each line is a message to the browser, so a few a second are enough
        options = {"mininterval": 0.5} | options | {"file": _CellLine(), "leave": False}
    return tqdm(iterable, **options)


def _is_in_notebook():
    """Return whether a kernel runs this, rather than a script or a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
