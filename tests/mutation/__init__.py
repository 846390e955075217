"""Mutation testing by samples: `python -m mutation --seed 1`, `make mutation SEED=1`."""
