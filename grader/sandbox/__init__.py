"""Running code nobody trusts: frames, zygotes, workers and the parent's handle on them."""
