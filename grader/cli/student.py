"""The commands for handing in: `preflight` and `submit`."""

from typing import Annotated

import typer

from .common import FAILED, course

app = typer.Typer()


@app.command()
def preflight() -> None:
    """Says what a grader would miss in the notebooks and the package; exit 1 when something would keep it back."""
    from ..results import handin as report
    from ..submit import preflight as examining
    from ..submit.findings import errors

    findings = examining.examine(course())
    report.show_findings(findings)
    if errors(findings):
        raise typer.Exit(FAILED)


@app.command()
def submit(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Hand in what is there, with all that is missing noted in the zip.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="A name for the PDF's title page; repeatable. Else from the names file.")
    ] = None,
    date: Annotated[str, typer.Option(help="The date on the title page, as 2026-01-31; today by default.")] = "",
    question_pages: Annotated[bool, typer.Option("--question-pages", help="One inline question a page.")] = False,
    engine: Annotated[str, typer.Option(help="What makes the PDF: typst, chromium or xelatex.")] = "typst",
) -> None:
    """Makes the zip and the PDF to hand in, or says what is missing; exit 0 only when both are there and good."""
    from ..pdf.command import Wishes
    from ..results import handin as report
    from ..submit import submit as making

    manifest = course()
    wishes = Wishes(name or [], date, question_pages, engine)
    hand_in = making.submit(manifest, wishes, anyway, lambda step: typer.echo(f"{step} …"))
    report.show(manifest, hand_in)
    if not hand_in.placed:
        raise typer.Exit(FAILED)
    typer.echo(report.done(manifest))
