"""Make a submission: find what a grader would miss, make the zip and the PDF."""
