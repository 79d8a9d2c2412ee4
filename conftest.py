"""Lets plain pytest, and an IDE's test buttons, run the checks of tests/public on student/."""

pytest_plugins = ["grader.checks.plugin"]
