"""Physical models of lenses and bodies, without a wire: motors, diaphragms, power and firmware memory."""
