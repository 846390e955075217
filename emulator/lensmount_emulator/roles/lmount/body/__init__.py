"""The engine of a body of the open model."""
