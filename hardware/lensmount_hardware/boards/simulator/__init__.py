"""A simulated dev board: its lines, queues and byte stream, without hardware."""
