"""The roles that can be played, one folder a dialect."""
