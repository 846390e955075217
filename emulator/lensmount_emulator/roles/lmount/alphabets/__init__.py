"""Alphabets of the open model, for learning: several small ones, since states of all together are their product."""
