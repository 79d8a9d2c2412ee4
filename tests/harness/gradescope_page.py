"""Draws results.json as Gradescope's page would, for a student and for staff: look at it, or `--shoot` it.

python -m tests.harness.gradescope_page results.json --out pages --shoot
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

Table = dict[str, Any]

SEEN = {  # which tests each reader sees
    "student": {"visible"},
    "published": {"visible", "after_due_date", "after_published"},
    "staff": {"visible", "after_due_date", "after_published", "hidden"},
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, HEIGHT = 1280, 1600
STYLE = """
body { font: 15px/1.4 "DejaVu Sans", Arial, sans-serif; margin: 0; color: #222; display: flex; }
main { flex: 1; padding: 16px 24px; min-width: 0; }
aside { width: 400px; padding: 16px 20px; background: #f3f5f6; border-left: 1px solid #d5dadd; font-size: 13px; }
h1 { font-size: 20px; } h2 { font-size: 14px; text-transform: uppercase; color: #555; }
pre { font: 13px/1.45 "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.output { background: #f8f8f8; border: 1px solid #ddd; padding: 10px 14px; }
section { border: 1px solid #ddd; border-left: 5px solid #1b8a5a; margin: 12px 0; }
section.failed { border-left-color: #c0392b; }
section h3 { font-size: 15px; margin: 0; padding: 8px 14px; color: #1b8a5a; overflow-wrap: anywhere; }
section.failed h3 { color: #c0392b; }
section pre { padding: 8px 14px; border-top: 1px solid #eee; }
.unseen { float: right; color: #777; font-weight: normal; font-size: 12px; }
li { list-style: none; margin: 3px 0; overflow-wrap: anywhere; } ul { padding: 0; }
"""


def draw(results: Table, reader: str) -> str:
    """Return the page as one of `SEEN` would see it; the total is not shown to who cannot see every test."""
    tests = [test for test in results["tests"] if test.get("visibility", "visible") in SEEN[reader]]
    cards = "\n".join(_card(test) for test in tests)
    output = f'<h2>Autograder output</h2><div class="output"><pre>{escape(results["output"])}</pre></div>'
    return (
        f'<!doctype html><meta charset="utf-8"><title>{reader}</title><style>{STYLE}</style>'
        f"<main><h1>Autograder results, as seen by: {reader}</h1>{output}{cards}</main>"
        f"<aside>{_sidebar(results, tests, reader)}</aside>"
    )


def _card(test: Table) -> str:
    visibility, output = test.get("visibility", "visible"), test.get("output", "")
    unseen = "" if visibility == "visible" else f'<span class="unseen">{visibility}</span>'
    body = f"<pre>{escape(output)}</pre>" if output else ""
    return f'<section class="{_status(test)}"><h3>{unseen}{_heading(test)}</h3>{body}</section>'


def _status(test: Table) -> str:
    return str(test.get("status") or ("passed" if test["score"] == test["max_score"] else "failed"))


def _heading(test: Table) -> str:
    number = f"{escape(test['number'])}) " if "number" in test else ""
    return f"{number}{escape(test['name'])} ({test['score']}/{test['max_score']})"


def _sidebar(results: Table, tests: Sequence[Table], reader: str) -> str:
    whole = reader == "staff" or len(tests) == len(results["tests"])
    score = f"{results['score'] if whole else '-'} / {sum(test['max_score'] for test in results['tests']):g} pts"
    lists = ""
    for status in ("failed", "passed"):
        names = "".join(f"<li>{_heading(test)}</li>" for test in tests if _status(test) == status)
        lists += f"<h2>{status} tests</h2><ul>{names}</ul>"
    standings = "".join(
        f"<li>{escape(s['name'])}: {escape(str(s['value']))}</li>" for s in results.get("leaderboard", [])
    )
    return f"<h2>Autograder score</h2><h1>{score}</h1>{lists}<h2>leaderboard</h2><ul>{standings}</ul>"


def shoot(page: Path) -> Path:
    """Take a picture of the top of a page; raise SystemExit where no browser is installed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        raise SystemExit("no Chromium or Chrome was found; install one, or open the page in a browser")
    picture = page.with_suffix(".png").absolute()
    with tempfile.TemporaryDirectory() as profile:
        flags = ["--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        flags += ["--no-sandbox"] * (os.geteuid() == 0)
        flags += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}", page.absolute().as_uri()]
        subprocess.run([browser, *flags], check=True, capture_output=True, timeout=60)
    return picture


def main() -> None:
    """Write a page for each reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--out", type=Path, default=Path("pages"))
    parser.add_argument("--shoot", action="store_true", help="take pictures with headless Chromium too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = json.loads(options.results.read_bytes())
    for reader in SEEN:
        page = options.out / f"{options.results.name.partition('.')[0]}-{reader}.html"
        page.write_text(draw(results, reader), "utf-8")
        print(shoot(page) if options.shoot else page)


if __name__ == "__main__":
    main()
