"""Where two dialects meet: accessories that are a lens in one and a body in the other."""
