"""Serial devices of this machine: which there are, and what those that we know can do."""
