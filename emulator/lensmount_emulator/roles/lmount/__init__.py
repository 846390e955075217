"""The open L-Mount model's two ends."""
