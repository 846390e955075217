"""Frozen behaviour: digests of seeded recordings and snapshots of the command line, held against what runs today."""
