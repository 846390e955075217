"""One question a file; each gives one or more tables."""
