"""Followers of E-mount sessions: an engine in the place of a captured lens or body, frame by frame."""
