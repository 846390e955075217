"""Replays of E-mount captures: an engine in the place of a captured lens or body, frame by frame or timed."""
