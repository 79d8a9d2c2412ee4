"""The side that is trusted: it starts workers, asks them under deadlines, and ends them."""
