"""Fuzzing of the device on a port: its lens or its body; we play the other end."""
