"""Engines, a link and a clock brought together: in virtual time, in real time, or against a recording."""
