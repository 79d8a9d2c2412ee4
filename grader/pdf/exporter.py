"""Offer the engine as an exporter of nbconvert: `jupyter nbconvert --to chainrule-pdf One.ipynb`."""

from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Bool, Unicode

from ..course import manifest as manifests
from ..course.schema import Pdf
from ..errors import CourseError
from . import convert
from .notebook import from_table


class ChainrulePdfExporter(Exporter):
    """Exports one notebook as PDF, after the preprocessors that nbconvert is configured with."""

    export_from_notebook = "Chainrule PDF"
    output_mimetype = "application/pdf"
    names = Unicode("", help="The names on the title page.").tag(config=True)
    date = Unicode("", help="The date on the title page, as 2026-01-31; today by default.").tag(config=True)
    question_pages = Bool(False, help="Whether each inline question has a page of its own.").tag(config=True)

    def _file_extension_default(self) -> str:
        return ".pdf"

    def from_notebook_node(  # type: ignore[override]  # as nbconvert's own exporters do where the output is no notebook
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the PDF's bytes and the resources. Raise PdfError."""
        node, found = super().from_notebook_node(nb, resources, **kw)
        about = found.get("metadata", {})
        path = Path(about.get("path") or ".") / f"{about.get('name') or 'notebook'}.ipynb"
        result = convert.convert([from_table(node, path)], self._read_options(path))
        for degradation in result.degradations:
            self.log.warning("%s", degradation)
        for problem in result.problems:
            self.log.error("%s", problem)
        return result.data, found

    def _read_options(self, path: Path) -> convert.Options:
        request = convert.PdfRequest([self.names] if self.names else [], self.date, self.question_pages)
        try:
            manifest = manifests.load_manifest(manifests.find_manifest(path.parent))
        except CourseError:
            settings = Pdf(question_pages=self.question_pages)
            return convert.Options(path.stem, self.names, convert.read_date(self.date), settings)
        return convert.read_options(manifest, request)
