"""Explains sessions: the first cause of a failure, its place in time, what was due, and what was found later."""
