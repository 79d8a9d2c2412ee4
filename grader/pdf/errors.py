"""What keeps a PDF from being made; each text says what to do."""


class PdfError(Exception):
    """The PDF cannot be made."""


class ProgramMissing(PdfError):
    """A program or package that an engine needs is not installed."""
