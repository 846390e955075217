"""The engine of an E-mount lens."""
