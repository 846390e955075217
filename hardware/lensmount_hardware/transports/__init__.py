"""Ports of every kind, one a file; each one implements the contract of `lensmount_hardware.transport`."""
