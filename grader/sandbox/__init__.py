"""Run code that nobody trusts in workers, and talk to them in frames of numbers and text."""
