"""The Fuji G lens against captures that lie beside the project."""
