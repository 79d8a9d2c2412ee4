"""The side nobody trusts: what runs in a worker's process, and the layers that it puts on."""
