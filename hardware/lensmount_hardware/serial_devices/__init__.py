"""USB serial devices of this machine and the properties of their adapters."""
