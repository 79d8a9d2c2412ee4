"""Name another process as owner of the socket by ioctl, and have its urgent signals sent there."""

from .tools import CHANNEL, frame, send

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.3


def attack(target):
    import fcntl
    import signal
    import struct
    import time

    fcntl.ioctl(CHANNEL, 0x8901, struct.pack("i", target["victim"]))  # FIOSETOWN
    fcntl.fcntl(CHANNEL, 10, signal.SIGKILL)
    fcntl.ioctl(CHANNEL, 0x5452, struct.pack("i", 1))  # FIOASYNC
    send(frame({"ok": 1}))  # the next request is to come while nobody waits for it, or no signal is sent
    time.sleep(0.2)
