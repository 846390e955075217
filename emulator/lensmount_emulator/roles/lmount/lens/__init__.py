"""The engine of a lens of the open model."""
