"""The built-in dialects, one folder each."""
