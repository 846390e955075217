"""Fidelity of an engine: replays captures of real devices against it, assesses it, and shadows a device."""
