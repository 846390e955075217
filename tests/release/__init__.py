"""Builds wheel and sdist, and checks what a user gets from them."""
