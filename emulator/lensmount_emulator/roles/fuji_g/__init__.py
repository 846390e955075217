"""The roles of the dialect `fuji-g`: a lens, a body, their motion model and their profiles."""
