"""The command line: one file a verb; heavy imports wait for the verb that needs them."""
