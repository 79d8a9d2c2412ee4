"""Hostile submissions, and the runner that shows that none of them gets anywhere."""
