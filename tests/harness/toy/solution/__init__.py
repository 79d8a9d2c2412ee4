"""The package of a very small course."""
