"""Shows what a planted mistake cost, for the terminal."""

from rich.console import Console
from rich.text import Text

from .mistakes import Trial


def show(trial: Trial, console: Console | None = None) -> None:
    """Print one line for the mistake, one for each check it cost, and what differs from its list."""
    out = console or Console(highlight=False, soft_wrap=True)
    mark = ("as expected", "green") if trial.as_expected else ("not as expected", "red")
    out.print(Text.assemble((trial.mistake.id, "bold"), "  ", mark))
    expected = set(trial.mistake.costs)
    for check in sorted(trial.lost | expected):
        sign = "=" if check in trial.lost & expected else ("+" if check in trial.lost else "-")
        out.print(Text(f"  {sign} {check}: {trial.messages.get(check, 'passed although it should not')}"))
