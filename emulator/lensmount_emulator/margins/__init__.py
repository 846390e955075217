"""Timing margins: how far a delay, a jitter or a clock may move until a session fails, and how that is known."""
