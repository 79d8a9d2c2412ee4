# Generated from reference/__init__.py by "python -m grader stubs" (unedited: 0a3651c6de1e)
"""Neural networks in NumPy and PyTorch: layers, update rules, a training loop, and the networks built from them."""
