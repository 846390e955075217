"""Jobs that this revision and an earlier one do by turns, each in a process of its own."""
