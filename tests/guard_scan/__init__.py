"""The send guard against a scanner that was written from the specifications alone."""
