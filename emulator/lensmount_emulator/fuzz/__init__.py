"""Fuzzing: sessions and parsers under whatever chance brings, held against what must be true of them."""
