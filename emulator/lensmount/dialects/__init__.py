"""The built-in dialects, one module each."""
