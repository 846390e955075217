"""The E-mount as public reverse engineering documents it: ground truth for the engine."""
