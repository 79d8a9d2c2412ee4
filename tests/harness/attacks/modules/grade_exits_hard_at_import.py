"""Leave by os._exit with status zero while the module is imported."""

import os

KIND = "grade"
OUTCOME = "crashed"
OPEN = "no answer is no pass, whatever the exit status"

os._exit(0)
