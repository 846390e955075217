"""Twins of E-mount devices: settings from captures, and replay of a session without wires."""
