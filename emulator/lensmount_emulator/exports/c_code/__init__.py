"""The C codec of a dialect, and its rules in C: generated code, its test vectors, and their program."""
