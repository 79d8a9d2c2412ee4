"""The reference where there is none: its answers to the public checks, recorded where there is one and replayed."""
