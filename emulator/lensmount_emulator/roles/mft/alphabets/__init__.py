"""Alphabets for learning lenses of Micro Four Thirds."""
