"""The first floor of lensmount: bytes and lines in the real world: ports, clocks and captures."""
