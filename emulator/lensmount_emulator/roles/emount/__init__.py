"""The body and the lens of an E-mount."""
