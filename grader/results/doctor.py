"""Show the isolation in the terminal: layer by layer whether it holds, why not, and what it is for."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..sandbox.parent.isolation import Isolation, explain_missing_layer
from ..sandbox.policy import LAYERS


def show_isolation(found: Isolation, console: Console | None = None) -> None:
    """Print the table, where there are layers to try, and the verdict on official grading."""
    out = console or Console(highlight=False)
    out = out if out.is_terminal else Console(highlight=False, width=140, file=out.file)
    layered = sys.platform.startswith("linux")
    if layered:
        out.print(make_layer_table(found))
    for finding in found.findings:
        if finding.layer == "answers":
            words = ("can be read by a worker", "red") if finding.done else ("cannot be read by a worker", "green")
            out.print(Text.assemble(finding.act.removeprefix("read "), " ", words))
    refusal = found.refusal()
    verdict = f"Official grading is refused here: {refusal}." if refusal else "Official grading is possible here."
    out.print(Text("\n" * layered + verdict, style="bold red" if refusal else "bold green"))


def make_layer_table(found: Isolation) -> Table:
    """Return one row a layer, then one for what must work in spite of all of them."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Layer", "State", "What was tried", "What it is for"):
        rows.add_column(name, overflow="fold")
    for layer, purpose in LAYERS.items():
        tried = [finding for finding in found.findings if finding.layer == layer]
        active = layer in found.active
        state = Text("active", "green") if active else Text("missing", "red")
        if active:
            story = "; ".join(f"could not {finding.act}" for finding in tried if finding.act)
        else:
            done = [f"could {finding.act}" for finding in tried if finding.done and finding.act]
            story = "; ".join([*done, explain_missing_layer(layer)])
        rows.add_row(layer, state, story, purpose)
    controls = [finding for finding in found.findings if finding.layer == "control"]
    if controls:
        failed = [f"{finding.act}: {finding.answer}" for finding in controls if not finding.done]
        state = Text("broken", "red") if failed else Text("works", "green")
        story = "; ".join(failed) or ", ".join(finding.act for finding in controls)
        rows.add_row("control", state, story, "what every solution needs: lazy imports, matrix products, threads")
    return rows
