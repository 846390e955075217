"""Faults on a session: what goes wrong on a mount's contacts, one small class each, in plans that a seed repeats."""
