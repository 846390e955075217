"""Long-running comparisons: generated code against construct, and firmware updates cut at every byte."""
