"""Learned state machines: what an end does, letter by letter, and what two builds do differently."""
