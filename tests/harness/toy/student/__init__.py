# Generated from solution/__init__.py by "python -m grader stubs" (unedited: 5ae9b8549ea1)
"""The package of a very small course."""
