"""Print notebooks with a browser or XeLaTeX where typst cannot run; each engine says what it loses."""

import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import PdfError, ProgramMissing
from ..limits import ENGINE_SECONDS
from . import notebook as notebooks
from . import pandoc, terminal
from .convert import Options, Result
from .notebook import Notebook, Table
from .source_map import Degradation
from .status import IGNORED, INPUT_IGNORED

FIRST = "typst"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
WRAPPED = "pre, code { white-space: pre-wrap !important; overflow-wrap: anywhere !important; }"
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    'img-src data:; font-src data:">'
)  # what a notebook holds runs no script and fetches nothing
LOSES = {
    "chromium": "formulas stay TeX (scripts and network are off), no title page, "
    "no entries for inline questions, no check of the content",
    "xelatex": "characters outside Latin vanish, long code lines are cut at the margin, HTML and remote images vanish, "
    "a formula that LaTeX refuses stops it, no title page, no entries for inline questions, no check of the content",
}
OTHERS = tuple(LOSES)


def convert(engine: str, sources: list[Path], options: Options) -> Result:
    """Return the merged PDF of an engine other than the first; raise PdfError."""
    printer = {"chromium": _print_by_chromium, "xelatex": _print_by_xelatex}[engine]
    read = [notebooks.read(source) for source in sources]
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        files = [printer(notebook, Path(folder), number) for number, notebook in enumerate(read)]
        data, pages = _merge(files, read, options)
    return Result(data, pages, [Degradation(engine, 0, f"what this engine loses: {LOSES[engine]}")], [], checked=False)


def _merge(files: list[Path], read: list[Notebook], options: Options) -> tuple[bytes, int]:
    import pypdf

    writer = pypdf.PdfWriter()
    for file, notebook in zip(files, read):
        writer.append(file, outline_item=notebook.name)
    writer.add_metadata({"/Title": options.title, "/Author": options.names})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue(), len(writer.pages)


def _clean(notebook: Notebook, folder: Path, number: int) -> Path:
    """Return the notebook without ignored cells, widgets and terminal controls, for other programs."""
    cells: list[Table] = []
    if notebook.notice:
        cells.append(_make_markdown(f"**{notebook.notice}**\n\n```\n{notebook.raw[:100_000]}\n```"))
    for cell in notebook.cells:
        if IGNORED in cell.tags:
            continue
        source = "" if INPUT_IGNORED in cell.tags else cell.source
        if cell.kind != "code":
            cells.append({**_make_markdown(source), "cell_type": cell.kind, "attachments": cell.attachments})
            continue
        outputs = [
            output | {"text": terminal.strip_colours(notebooks.join_text(output["text"]))}
            if "text" in output
            else output
            for output in cell.outputs
        ]
        cells.append(
            {"cell_type": "code", "metadata": {}, "source": source, "outputs": outputs, "execution_count": cell.count}
        )
    file = folder / f"{number}.ipynb"
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}), "utf-8")
    return file


def _make_markdown(source: str) -> Table:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _print_by_chromium(notebook: Notebook, folder: Path, number: int) -> Path:
    from nbconvert import HTMLExporter

    browser = next(filter(None, map(shutil.which, BROWSERS)), None) or _find_playwright()
    if not browser:
        raise ProgramMissing("no Chromium or Chrome was found; install one, or use --engine typst")
    page, out = folder / f"{number}.html", folder / f"{number}.pdf"
    where = {"metadata": {"path": str(notebook.path.parent), "name": notebook.name}}
    exporter = HTMLExporter(embed_images=True)
    text, _ = exporter.from_filename(str(_clean(notebook, folder, number)), resources=where)
    page.write_text(
        text.replace("<head>", f"<head>{POLICY}", 1).replace("</head>", f"<style>{WRAPPED}</style></head>", 1), "utf-8"
    )
    flags = [
        "--headless",
        "--disable-gpu",
        "--no-pdf-header-footer",
        f"--user-data-dir={folder}/profile",
    ]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        flags.append("--no-sandbox")  # as root it does not start otherwise
    flags += [
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--print-to-pdf={out}",
        page.as_uri(),
    ]
    return _run([browser, *flags], out, notebook, "Chromium")


def _print_by_xelatex(notebook: Notebook, folder: Path, number: int) -> Path:
    if not shutil.which("xelatex"):
        raise ProgramMissing("xelatex was not found; install TeX Live with its XeTeX part, or use --engine typst")
    out = folder / f"{number}.pdf"
    file = _clean(notebook, folder, number)
    words = [pandoc.find_program(), str(file), "-o", str(out), "--pdf-engine=xelatex", "-V", "geometry:margin=2cm"]
    words.append(f"--resource-path={notebook.path.parent.resolve()}")
    return _run(words, out, notebook, "XeLaTeX")


def _run(words: list[str], out: Path, notebook: Notebook, name: str) -> Path:
    try:
        done = subprocess.run(
            words, capture_output=True, timeout=ENGINE_SECONDS, stdin=subprocess.DEVNULL, cwd=out.parent
        )
    except subprocess.TimeoutExpired:
        raise PdfError(f"{name} took more than {ENGINE_SECONDS} s for {notebook.name}; use --engine {FIRST}") from None
    if done.returncode or not out.is_file():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing"]
        raise PdfError(f"{name} could not set {notebook.name} (it said: {said[0][:200]}); use --engine {FIRST}")
    return out


def _find_playwright() -> str:
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as session:
            path = session.chromium.executable_path
    except Exception:  # without its browser, playwright fails in ways of its own
        return ""
    return path if Path(path).is_file() else ""
