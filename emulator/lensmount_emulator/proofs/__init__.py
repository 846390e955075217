"""Long-running proofs that what is fast is also right."""
