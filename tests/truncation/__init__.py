"""Recordings of whole sessions, cut at every byte: what stands in front of the cut is read, and nothing else."""
