"""Read the course as data: the manifest and its faults, its secrets, and a package as text."""
