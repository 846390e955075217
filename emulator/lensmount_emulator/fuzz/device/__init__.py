"""Fuzzing of the device on a port: its lens or its body; we emulate the other end."""
