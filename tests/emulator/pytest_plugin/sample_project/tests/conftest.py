"""Nothing has to be imported for the fixtures to be there."""
