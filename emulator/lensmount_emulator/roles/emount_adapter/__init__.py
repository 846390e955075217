"""An adapter that puts an E-mount lens on a body of the open model: a lens on one side, a body on the other."""
