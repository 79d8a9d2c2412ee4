"""The course as data: the manifest and its faults, its secrets, and the text of a package."""
