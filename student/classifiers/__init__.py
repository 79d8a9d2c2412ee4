# Generated from reference/classifiers/__init__.py by "python -m grader stubs" (unedited: 75371ad81310)
"""Networks built from the layers."""
