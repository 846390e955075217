"""Sessions with firmware in C: in a process of their own, and the checks of its interface."""
