"""Chainrule's engine: it runs checks on code nobody trusts and knows nothing of what that code computes."""

__version__ = "0.1.0"
