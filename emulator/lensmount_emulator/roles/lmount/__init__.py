"""The body, the lens and the accessories of the open L-Mount model."""
