"""Turn notebooks into one PDF: pandoc reads the Markdown, typst sets the pages, nothing a student wrote is lost."""
