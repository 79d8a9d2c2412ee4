"""Let recorded answers stand in for the reference, which students do not have."""
