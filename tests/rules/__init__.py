"""Figures of rules between body and lens: sessions through an interposer, cost of the engine, and the C export."""
