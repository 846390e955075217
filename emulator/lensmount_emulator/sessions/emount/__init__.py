"""Replays of E-mount captures: what fills the gaps of a log, the lens made from a capture, and the score."""
