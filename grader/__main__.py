"""Run a command: `python -m grader check` does what `chainrule check` does."""

from .cli.main import run

if __name__ == "__main__":
    run()
