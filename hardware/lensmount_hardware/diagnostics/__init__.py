"""Diagnostics of ports: facts gathered from the machine, probes, and checks."""
