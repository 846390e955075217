"""Scores explanations: breakages with a known first cause, good sessions, and breakages by random choice."""
