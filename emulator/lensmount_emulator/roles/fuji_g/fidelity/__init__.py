"""Fidelity of the dialect `fuji-g`: captures replayed word by word to its lens, and to its body."""
