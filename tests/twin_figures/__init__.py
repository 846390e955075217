"""The figures that twins must reach on public captures."""
