"""Code generated from the declarations of the dialect emount."""
