"""The engine of an E-mount body."""
