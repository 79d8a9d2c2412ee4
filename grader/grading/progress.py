"""Take the results of a run as they come, keep its report up to date, and tell how far it is."""

import threading
import time
from collections.abc import Callable

from ..course.manifest import Manifest
from ..limits import REPORT_INTERVAL_SECONDS
from ..results import record as records
from ..results.record import CheckResult, Record


class Progress:
    """Takes results into a record and shows it to `update`, each within a second, whatever comes next.

    `tell` hears of each finished check at once, with how many there are; that is 0 until they are collected.
    """

    def __init__(
        self,
        record: Record,
        manifest: Manifest,
        update: Callable[[Record], None] | None,
        tell: Callable[[list[CheckResult], int], None] | None = None,
    ) -> None:
        self.record, self._manifest, self._update, self._shown = record, manifest, update, 0.0
        self._tell, self.expected = tell, 0
        self._lock = threading.RLock()
        self._later: threading.Timer | None = None
        record.checks = []

    def expect(self, checks: list[CheckResult]) -> None:
        """Take the checks that will run."""
        self.expected = len(checks)
        if self._manifest.edition is not None and self.record.command == "grade":
            self.record.scaled_from = records.sum_points(check.points for check in checks)
        if self._tell:
            self._tell([], self.expected)

    @property
    def left(self) -> int:
        """Return how many checks have not run."""
        return self.expected - len(self.record.checks)

    def collect(self, check: CheckResult) -> None:
        """Take a finished check; show it now, or soon after where others have only just been shown."""
        with self._lock:
            self.record.checks.append(check)
            if self._tell:
                self._tell(self.record.checks, self.expected)
            if self._update and time.monotonic() - self._shown > REPORT_INTERVAL_SECONDS:
                self.show()
            elif self._update and self._later is None:
                self._later = threading.Timer(REPORT_INTERVAL_SECONDS, self.show)
                self._later.daemon = True
                self._later.start()

    def show(self) -> None:
        """Bring the totals up to date and show the record."""
        with self._lock:
            self.close()
            records.tally(self.record, self._manifest)
            self._shown = time.monotonic()
            if self._update:
                self._update(self.record)

    def close(self) -> None:
        """Show nothing any more by itself."""
        with self._lock:
            if self._later is not None:
                self._later.cancel()
            self._later = None
