"""Readers and writers of capture files: one reader for each format, and the same records from all."""
