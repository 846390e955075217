"""The evidence ledger: what captures show about each field, as ranked hypotheses with their counts."""
