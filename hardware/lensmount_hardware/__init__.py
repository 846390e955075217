"""The hardware layer of lensmount: ports, clocks, boards and captures."""
