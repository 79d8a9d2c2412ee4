"""Wait without end while the module is imported."""

import time

KIND = "grade"
OUTCOME = "timeout"
OPEN = "the grader ends a worker at the deadline, and soon does not wait for one that hung before"
CHECKS = "area_of_nothing"

time.sleep(600)
