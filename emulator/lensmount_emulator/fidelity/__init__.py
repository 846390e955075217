"""Fidelity of an engine: replays captures of real devices against it and computes a score."""
