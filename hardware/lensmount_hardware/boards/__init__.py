"""Dev boards that hold a mount's deadlines, host and board both; and the serial devices of this machine."""
