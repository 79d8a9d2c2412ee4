"""Give the commands: arguments and exit statuses, one module for each of the people who type them."""
