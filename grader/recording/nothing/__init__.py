"""A package that holds nothing: what needs only libraries is computed in its worker."""
