"""Deliberate defects of the example firmware, and how many of them fuzzing finds."""
