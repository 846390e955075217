"""The protocols of lens mounts: messages, frames, dialects and timing, without I/O, clock or randomness."""
