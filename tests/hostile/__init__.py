"""Hostile input files for every verb that reads files, each in a process of its own with limits."""
