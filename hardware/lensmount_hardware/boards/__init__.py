"""Dev boards that hold a mount's deadlines: what host and board say to each other, and the host's side of it."""
