"""Ports of every kind, one a file, each keeping the contract of `lensmount_hardware.transport`."""
