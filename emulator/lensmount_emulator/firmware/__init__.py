"""Firmware in C at one end of a mount: build, load, run, guard and check it."""
