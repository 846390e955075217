"""Alphabets of the E-mount, for learning."""
