"""The roles of the dialect `mft`: a lens, a body, and their profiles."""
