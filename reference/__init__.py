"""Neural networks in NumPy and PyTorch: layers, update rules, a training loop, and the networks built from them."""
