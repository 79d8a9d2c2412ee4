"""The record of a run as it grows, shown as it does."""

import threading
import time
from collections.abc import Callable

from ..course.manifest import Manifest
from ..results import record as records
from ..results.record import Check, Record

INTERVAL = 0.25


class Progress:
    """Takes results into a record and shows it to `update`, each within a quarter of a second, whatever comes next."""

    def __init__(self, record: Record, manifest: Manifest, update: Callable[[Record], None] | None) -> None:
        self.record, self._manifest, self._update, self._shown = record, manifest, update, 0.0
        self._lock, self._later = threading.RLock(), None
        record.checks = []

    def collect(self, check: Check) -> None:
        """Takes a finished check; shows it now, or soon after where others have only just been shown."""
        with self._lock:
            self.record.checks.append(check)
            if self._update and time.monotonic() - self._shown > INTERVAL:
                self.show()
            elif self._update and self._later is None:
                self._later = threading.Timer(INTERVAL, self.show)
                self._later.daemon = True
                self._later.start()

    def show(self) -> None:
        """Brings the totals up to date and shows the record."""
        with self._lock:
            self.close()
            records.tally(self.record, self._manifest)
            self._shown = time.monotonic()
            if self._update:
                self._update(self.record)

    def close(self) -> None:
        """Shows nothing any more by itself."""
        with self._lock:
            if self._later is not None:
                self._later.cancel()
            self._later = None
