"""List, judge and unpack a submission before any of its code runs."""
