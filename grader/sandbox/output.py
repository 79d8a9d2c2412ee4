"""What a worker prints, read to the end and kept up to a cap."""

import contextlib
import os
import select

MAX_OUTPUT = 64 * 1024


class Output:
    """The worker's capped stdout and stderr: read to the end, kept up to the cap."""

    def __init__(self, fd: int) -> None:
        self._fd, self.text = fd, b""
        self.open = hasattr(select, "poll")  # where only sockets can be waited for, output is not kept
        if self.open:
            os.set_blocking(fd, False)

    def fileno(self) -> int:
        return self._fd

    def read(self) -> None:
        """Takes what is there; closes at the end of the stream."""
        if not self.open:
            return
        with contextlib.suppress(BlockingIOError):
            part = os.read(self._fd, MAX_OUTPUT)
            self.text = (self.text + part)[:MAX_OUTPUT]
            if not part:
                self.close()

    def take(self) -> str:
        """What was printed since the last time this was asked."""
        self.read()
        text, self.text = self.text.decode(errors="replace"), b""
        return text

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self._fd)
