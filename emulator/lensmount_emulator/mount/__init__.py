"""The virtual mount: contacts that carry bytes, edges and supply from one end to the other, with their timing."""
