"""Learned machines of every role and profile family, held against the engines; and changes that are planted in them."""
