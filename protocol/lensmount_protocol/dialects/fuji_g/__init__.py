"""Fuji G: the link between a GFX body and a G-mount lens, clocked and full duplex."""
