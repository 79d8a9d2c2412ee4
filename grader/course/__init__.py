"""The assignment as data: the manifest, its secrets, and the text of a package read within bounds."""
