"""Make notebooks from scripts for students and instructors, make their checks, and run one."""
