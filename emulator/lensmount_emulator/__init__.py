"""The top layer of lensmount: runs a body or a lens, alone, against each other, or against a recording."""
