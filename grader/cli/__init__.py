"""The commands: arguments and exit codes, one module for each of the people who type them."""
