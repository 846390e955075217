"""The top floor of lensmount: plays the body or the lens, alone, against each other, or against a recording."""
