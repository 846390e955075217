"""Generates fast parse and build functions from construct declarations; construct stays the reference."""
