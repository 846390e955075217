"""The protocol between host and dev board: framing, commands, reports, and generators of its C header and tables."""
