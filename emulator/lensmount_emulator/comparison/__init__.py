"""The vocabulary of replays, for dialects and tools: followed replies, differences, scores, and noise."""
