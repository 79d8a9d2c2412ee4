"""Grade a class: read an export, grade every submission once, keep what came out in a store."""
