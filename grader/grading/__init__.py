"""Make one run from a package to a record, and the commands that add to it."""
