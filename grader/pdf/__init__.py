"""Turn notebooks into one PDF: HTML is written as typst, typst sets the pages, nothing a student wrote is lost."""
