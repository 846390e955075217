"""Twins: device profiles inferred from captures, with a score on a part that they were not made from."""
