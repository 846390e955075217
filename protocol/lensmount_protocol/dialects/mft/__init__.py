"""Micro Four Thirds: the link between body and lens as two published programs and a blog document it; no capture."""
