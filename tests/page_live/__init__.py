"""The page beside live ports: no byte lost at full rate, and deadlines met as well as without it."""
