"""What is handed in: a zip or a folder, listed, judged and unpacked."""
