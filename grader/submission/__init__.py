"""A submission as data: a zip or a folder, listed, judged and unpacked before any of its code runs."""
