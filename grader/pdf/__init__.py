"""Notebooks to one PDF: pandoc reads the Markdown, typst sets the pages, and nothing a student wrote is dropped."""
