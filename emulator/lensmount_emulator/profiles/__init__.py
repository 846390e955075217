"""Profiles of real lenses, bodies and accessories, as data with sources, and their loader."""
