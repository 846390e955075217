"""The two ends of an E-mount."""
