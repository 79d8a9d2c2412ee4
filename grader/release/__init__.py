"""What students get: stubs made from the reference."""
