"""Notebooks: made from scripts for students and instructors, their checks, and how one is run."""
