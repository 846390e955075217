"""The fidelity figures that the documentation quotes: profiles and twins on captures of real devices."""
