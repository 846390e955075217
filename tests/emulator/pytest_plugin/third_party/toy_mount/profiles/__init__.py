"""Profiles of the toy."""
