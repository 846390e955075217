"""The evidence ledger: what captures say about each field, as ranked hypotheses with their counts."""
