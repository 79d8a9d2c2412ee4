"""The reference where there is none: its answers to the public checks, recorded where there is one and replayed."""


class Unrecorded(Exception):
    """The reference was asked something that was not recorded; a fault of the recording or the checks."""


class NotScored(Exception):
    """A check can be reported, but not scored, without the reference; the text says why."""
