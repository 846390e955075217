"""What can be wrong with a port: facts gathered from the machine, and judgements of them that need none."""
