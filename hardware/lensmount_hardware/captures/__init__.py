"""Recorded traffic from files: one reader a format, all giving the same records."""
