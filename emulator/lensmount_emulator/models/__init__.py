"""The physics of lenses and bodies, without a wire: motors, diaphragms, and what they report."""
