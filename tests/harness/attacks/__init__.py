"""Hostile hand-ins, and the runner that shows that none of them gets anywhere."""
