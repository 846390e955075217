"""Fuzzing: runs sessions and parsers with random inputs and faults, and checks invariants."""
