"""Runs every attack in every tier and prints what came of each; exits 1 where one got through, or does not work at all.

`python -m tests.harness.attacks [word ...] [--tier name ...] [--verbose]` runs the attacks whose names hold a word.
"""

import argparse
import json
import sys

from rich.console import Console
from rich.table import Table

from . import runner

CELLS = {"succeeded": "[red]in[/]", "refused": "[green]refused[/]", "ended": "[green]ended[/]"}


def main() -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="attacks")
    parser.add_argument("words", nargs="*", help="only attacks whose names hold one of these")
    parser.add_argument("--tier", action="append", choices=list(runner.TIERS), help="only these tiers")
    parser.add_argument("--verbose", action="store_true", help="say what each attack came to")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        from .perform import on_stage

        on_stage(options.stage, json.load(sys.stdin))
        return 0
    attacks = [a for a in runner.everything() if not options.words or any(word in a.name for word in options.words)]
    return report(attacks, options.tier or runner.tiers(), options.verbose)


def report(attacks: list[runner.Attack], tiers: list[str], verbose: bool) -> int:
    """Runs and prints the matrix; returns the exit status."""
    console = Console() if sys.stdout.isatty() else Console(width=140)
    by_name, cells, complaints = {attack.name: attack for attack in attacks}, {}, []
    for tier in tiers:
        try:
            for result in runner.run_tier(tier, attacks):
                cells[result.name, tier] = _cell(by_name[result.name], result)
                wrong = runner.complaint(by_name[result.name], result)
                if wrong:
                    complaints.append(f"{result.name} [{tier}]: {wrong}")
                if verbose:
                    console.print(
                        f"{tier:18} {result.seconds:5.2f} {result.name}: {result.outcome}: {result.evidence}",
                        markup=False,
                    )
        except runner.Unreachable as reason:
            console.print(f"{tier}: left out, {reason}", markup=False)
    table = Table(*["attack", *tiers], title=f"{len(attacks)} attacks")
    for attack in attacks:
        table.add_row(attack.name, *(cells.get((attack.name, tier), "-") for tier in tiers))
    console.print(table)
    for line in complaints:
        console.print(line, markup=False)
    console.print("Every attack fails where it should." if not complaints else f"{len(complaints)} surprises")
    return 1 if complaints else 0


def _cell(attack: runner.Attack, result: runner.Result) -> str:
    if result.tier == "open":
        return "works" if result.succeeded else f"[dim]{result.outcome}[/]"
    if result.succeeded and result.tier in attack.leaks:
        return "[yellow]known[/]"
    return CELLS.get(result.outcome, f"[green]{result.outcome}[/]")


if __name__ == "__main__":
    sys.exit(main())
