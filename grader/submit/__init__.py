"""Handing in: what a grader would miss, the zip and the PDF."""
