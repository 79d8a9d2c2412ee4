"""Mutants of the reference: each is one small slip in one function, and some check has to reject it."""
