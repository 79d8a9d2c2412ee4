"""Make what students and Gradescope get, recorded answers included, and search it for leaks."""
