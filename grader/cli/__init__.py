"""The commands: arguments, exit codes, nothing else."""
