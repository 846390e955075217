"""Fault injection on the contacts of a virtual mount: one class for each fault, in plans that a seed repeats."""
