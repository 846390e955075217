"""The ground floor of lensmount: what is said on a mount's contacts, without any I/O, clock or randomness."""
