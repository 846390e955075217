"""Dev boards that keep a mount's deadlines: the host's side, the protocol and a simulator."""
