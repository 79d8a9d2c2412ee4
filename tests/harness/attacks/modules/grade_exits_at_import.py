"""Leave by sys.exit while the module is imported."""

import sys

KIND = "grade"
OUTCOME = "failed"
OPEN = "no answer is no pass, whatever the exit status"

sys.exit(0)
