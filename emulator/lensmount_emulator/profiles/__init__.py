"""Concrete lenses and bodies, as data with sources, and what loads them."""
