"""Alphabets for learning Fuji G lenses."""
