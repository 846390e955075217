"""From a declaration in construct to functions as fast as hand-written ones; construct stays the judge of them."""
